"""What every capability promises, whoever provides it. What each one does is in `tests/conformance`."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from flows.assembly import TenantSecrets
from flows.complying import TenantCompliance
from flows.looking import TenantLooking
from flows.onboarding_hand import TenantOnboarding
from flows.probing import NobodyAsked, TenantProbing
from flows.remembering import TenantRecorded, TenantRisks
from flows.sweeping import TenantIncidents, TenantSweeping
from integrations.public_dns import Resolvers
from tenantry import capabilities
from tenantry.capabilities import CAPABILITIES, OWN

CONFORMANCE = Path(__file__).resolve().parents[2] / "conformance"


def _methods() -> list[Any]:
    return [
        pytest.param(name, method, id=f"{capability}.{name}")
        for capability, protocol in CAPABILITIES.items()
        for name, method in inspect.getmembers(protocol, inspect.isfunction)
        if not name.startswith("_")
    ]


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_a_capability_is_a_protocol_with_a_conformance_suite(capability: str) -> None:
    protocol = CAPABILITIES[capability]
    assert typing.is_protocol(protocol) if hasattr(typing, "is_protocol") else protocol._is_protocol
    assert protocol.__module__ == f"tenantry.capabilities.{capability}"
    if capability not in OWN:  # the installation's own, not a vendor's: below
        assert (CONFORMANCE / f"{capability}.py").is_file()


@pytest.mark.parametrize(("name", "method"), _methods())
def test_no_method_takes_a_tenant(name: str, method: Callable[..., Any]) -> None:
    """A handle is pinned to one tenant when it is opened; what cannot be said cannot be mistaken."""
    assert not [parameter for parameter in inspect.signature(method).parameters if "tenant" in parameter]


@pytest.mark.parametrize(("name", "method"), _methods())
def test_what_waits_is_async(name: str, method: Callable[..., Any]) -> None:
    if name in ("reference", "given"):  # compose a text, and what a collector asks through: nobody waits
        return
    # As written: some name types that they load for type checkers alone.
    returned = str(inspect.signature(method).return_annotation)
    assert inspect.iscoroutinefunction(method) or returned.startswith("AsyncIterator[")


def test_the_installation_provides_its_own() -> None:
    own = (
        ("secrets", TenantSecrets),
        ("sweeping", TenantSweeping),
        ("incidents", TenantIncidents),
        ("onboarding", TenantOnboarding),
    )
    for name, provider in own:
        assert issubclass(provider, CAPABILITIES[name])
        assert name in OWN


def test_data_of_capabilities_cannot_be_changed_after_it_was_read() -> None:
    models = [
        thing
        for thing in (getattr(capabilities, name) for name in capabilities.__all__)
        if inspect.isclass(thing) and issubclass(thing, BaseModel)
    ]
    assert models
    assert [model.__name__ for model in models if not model.model_config.get("frozen")] == []


def test_everything_public_is_named() -> None:
    assert all(hasattr(capabilities, name) for name in capabilities.__all__)
    assert {protocol.__name__ for protocol in CAPABILITIES.values()} <= set(capabilities.__all__)


def test_the_installation_looks_and_remembers_itself() -> None:
    for name, provider in (
        ("looking", TenantLooking),
        ("risks", TenantRisks),
        ("recorded", TenantRecorded),
        ("compliance", TenantCompliance),
        ("probing", TenantProbing),
        ("public_dns", NobodyAsked),
        ("public_dns", Resolvers),
    ):
        assert issubclass(provider, CAPABILITIES[name])
        assert name in OWN
