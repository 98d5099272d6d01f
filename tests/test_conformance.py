"""Every capability that a provider declares is held against the capability's suite, by a class in that provider's tests.

``tests/conformance/X.py`` holds the suites of the capability X; a provider's tests lie in ``tests/integrations/<package>``.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from flows.assembly import discover_providers
from tenantry.providers import Provider

TESTS = Path(__file__).resolve().parent
EXCEPTIONS: Final[dict[tuple[str, str], str]] = {}
"""Provider and capability → why nobody inherits the suite for it. There is none."""


def _declared() -> list[tuple[str, str]]:
    """Package and capability. One whose credential is replaced offers ``credentials``, though of its estate's handle alone."""
    pairs = []
    for provider in discover_providers().values():
        package = type(provider).__module__.split(".")
        if package[0] == "integrations":
            pairs += [(package[1], capability) for capability in sorted(_offered(provider))]
    return pairs


def _offered(provider: Provider) -> set[str]:
    return {*provider.capabilities, *(["credentials"] if getattr(provider, "rotates", ()) else [])}


@cache
def _suites() -> dict[str, str]:
    """Suite → its capability."""
    return {
        node.name: path.stem
        for path in sorted((TESTS / "conformance").glob("*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name.endswith("Conformance")
    }


@cache
def _held(package: str) -> frozenset[str]:
    """Capabilities whose suite is inherited by a class of that package's tests that is collected."""
    return frozenset(
        _suites()[base.id]
        for path in (TESTS / "integrations" / package).rglob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test")
        for base in node.bases
        if isinstance(base, ast.Name) and base.id in _suites()
    )


@pytest.mark.parametrize(("package", "capability"), _declared())
def test_what_a_provider_declares_passes_the_suite(package: str, capability: str) -> None:
    assert capability in set(_suites().values()), f"tests/conformance/{capability}.py holds no suite"
    excepted = (package, capability) in EXCEPTIONS
    assert (capability in _held(package)) != excepted, (
        f"no test class in tests/integrations/{package} inherits the suite of {capability}, or an exception is not needed"
    )


def test_every_exception_is_of_something_declared() -> None:
    assert set(EXCEPTIONS) <= set(_declared())


@pytest.mark.parametrize(
    "package", sorted(path.parent.name for path in (TESTS.parent / "integrations").glob("*/store.py"))
)
def test_every_secret_store_passes_the_suite(package: str) -> None:
    assert "secret_store" in _held(package)


@pytest.mark.parametrize("suite", sorted(_suites()))
def test_every_suite_is_inherited(suite: str) -> None:
    found = [path for path in TESTS.rglob("test_*.py") if f"({suite})" in path.read_text(encoding="utf-8")]
    assert found, f"{suite} is run by nobody"
