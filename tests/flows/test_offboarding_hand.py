"""What a try of our own access says: refused only where a service that answers says so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flows.offboarding_hand import TenantOffboarding
from tenantry.errors import Unreachable
from tenantry.estate import Estate
from tenantry.providers import ProviderCheck


def hand(check: ProviderCheck | Exception) -> TenantOffboarding:
    class Handle:
        async def check(self) -> ProviderCheck:
            if isinstance(check, Exception):
                raise check
            return check

        async def aclose(self) -> None: ...

    class Context:
        name = "acme"

        def sources(self) -> list[Any]:
            return [SimpleNamespace(key="m365")]

        async def opened_afresh(self, source: Any) -> Handle:
            return Handle()

    installation = SimpleNamespace(
        estate=Estate(),
        tenants=SimpleNamespace(get=lambda name: SimpleNamespace(name=name, providers={})),
    )
    return TenantOffboarding(installation, Context())  # type: ignore[arg-type]  # as much of them as is used


@pytest.mark.parametrize(
    ("check", "state"),
    [
        (ProviderCheck(signed_in=True, granted=None), "works"),
        (ProviderCheck(signed_in=False, granted=None, refused=True), "refused"),
        (ProviderCheck(signed_in=False, granted=None, problems=("503",)), "unknown"),
        (ProviderCheck(signed_in=None, granted=None), "untried"),
        (ProviderCheck(signed_in=False, granted=None, refused=True, tried={"key": False}), "refused"),
        (ProviderCheck(signed_in=False, granted=None, refused=True, tried={"key": None}), "unknown"),
        (ProviderCheck(signed_in=False, granted=None, refused=True, tried={"key": False, "seed": True}), "works"),
        (Unreachable("nobody answers"), "unknown"),
    ],
)
async def test_a_service_in_trouble_has_refused_nothing(check: Any, state: str) -> None:
    assert (await hand(check).tried("m365")).state == state


async def test_what_works_is_named() -> None:
    found = await hand(ProviderCheck(signed_in=False, granted=None, tried={"key": True, "seed": False})).tried("m365")
    assert found.alive == ("key",)


async def test_a_provider_that_is_not_there_is_unknown() -> None:
    found = await hand(ProviderCheck(signed_in=True, granted=None)).tried("other")
    assert found.state == "unknown"
