"""File stem = registered name = test stem; every package has tests; nothing in the tree names one machine."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml

from flows.assembly import discover_providers
from tenantry.baseline.discover import measures
from tenantry.discovery import DATA_FOLDERS, TaskRegistry
from tenantry.sweep.discover import checks

ROOT = Path(__file__).resolve().parent.parent


def _modules(package: str) -> list[Path]:
    """Modules that hold something of their own, relative to the root; private ones are tested through these."""
    found = (path.relative_to(ROOT) for path in sorted((ROOT / package).rglob("*.py")))
    return [path for path in found if not any(part.startswith("_") for part in path.parts)]


# --- tasks ------------------------------------------------------------------------------------------------------------


def _task_name(module: Path) -> str:
    return ".".join(module.with_suffix("").parts[1:])


def test_every_task_is_registered_under_its_files_name() -> None:
    checked = [path for path in _modules("tasks") if path.parts[1] == "checks"]
    measured = [path for path in _modules("tasks") if path.parts[1] == "measures"]
    tasks = [path for path in _modules("tasks") if path not in (*checked, *measured)]
    assert list(measures()) == sorted(map(_task_name, measured))
    assert TaskRegistry.discover(entry_points=False).names() == sorted(map(_task_name, tasks))
    assert [check.name for check in checks()] == sorted(map(_task_name, checked))


@pytest.mark.parametrize("module", _modules("tasks"), ids=_task_name)
def test_every_task_has_its_test(module: Path) -> None:
    test = Path("tests") / module.with_name(f"test_{module.name}")
    assert (ROOT / test).is_file(), f"{module} has no {test}"


def test_every_test_of_a_task_has_its_task() -> None:
    for test in sorted((ROOT / "tests" / "tasks").rglob("test_*.py")):
        mirrored = ROOT / test.relative_to(ROOT / "tests").with_name(test.name.removeprefix("test_"))
        assert mirrored.is_file(), f"{test.relative_to(ROOT)} tests nothing that there is"


# --- packages ---------------------------------------------------------------------------------------------------------


def _packages() -> list[str]:
    found = {
        path.parent.relative_to(ROOT).as_posix()
        for package in ("tenantry", "tasks", "integrations", "flows", "console")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py" and "migrations" not in path.parts
    }
    return sorted(found - {"tasks", "tasks/checks", "tasks/checks/_collect"})  # private modules alone lie there


@pytest.mark.parametrize("package", _packages())
def test_every_package_has_tests(package: str) -> None:
    assert list((ROOT / "tests" / package).glob("test_*.py")), f"tests/{package} holds no test"


def test_tests_are_packages() -> None:
    """Else two test files of one name hide each other."""
    for folder in {path.parent for path in (ROOT / "tests").rglob("*.py")}:
        assert (folder / "__init__.py").is_file(), folder.relative_to(ROOT)


def test_every_provider_is_registered_under_its_packages_name() -> None:
    providers = {path.parent.name for path in (ROOT / "integrations").glob("*/provider.py")}
    assert providers
    assert providers <= set(discover_providers())


# --- runbooks ---------------------------------------------------------------------------------------------------------


def _runbooks() -> list[Path]:
    top = ROOT / "runbooks"
    return [
        path.relative_to(ROOT)
        for path in sorted((*top.rglob("*.yaml"), *top.rglob("*.yml")))
        if not DATA_FOLDERS.intersection(path.relative_to(top).parts)
    ]


def test_there_are_runbooks() -> None:
    assert _runbooks()


@pytest.mark.parametrize("runbook", _runbooks(), ids=lambda path: path.stem)
def test_every_runbook_has_its_page_and_its_files_name(runbook: Path) -> None:
    assert runbook.suffix == ".yaml"
    assert yaml.safe_load((ROOT / runbook).read_text(encoding="utf-8"))["id"] == runbook.stem
    page = ROOT / runbook.with_suffix(".md")
    assert page.is_file(), f"{runbook} has no page for the operator beside it"
    assert page.read_text(encoding="utf-8").strip()


# --- nothing of one machine -------------------------------------------------------------------------------------------

_HOSTS = ("pypi" + ".org", "files.python" + "hosted.org", "registry.npm" + "js.org", "deb.debian" + ".org")
_ONE_MACHINE = re.compile(r"(?<![\w.:/-])/(?:work|root|Users)/[\w.]|" + "|".join(re.escape(host) for host in _HOSTS))


@cache
def _files() -> list[Path]:
    """What is, or would be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    found = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in found if path.is_file()]


def test_no_file_names_a_place_on_one_machine_or_a_registry() -> None:
    found = []
    for path in _files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        for number, line in enumerate(text.splitlines(), 1):
            if _ONE_MACHINE.search(line) or str(ROOT) in line:
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert found == []


@pytest.mark.parametrize(
    ("line", "names_one"),
    [
        ("see /work/" + "main/tenantry", True),
        ("home = '/root/" + ".pyenv'", True),
        ("index-url = https://" + _HOSTS[0] + "/simple", True),
        ("https://example.com/work/item", False),
        ("runbooks/work/item", False),
        ("/rooted/x", False),
    ],
)
def test_what_counts_as_one_machine(line: str, names_one: bool) -> None:
    assert bool(_ONE_MACHINE.search(line)) is names_one
