from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.measures.access.msp_sign_in_places import MspSignInPlaces
from tenantry.errors import TargetNotFound
from tenantry.sweep.check import Known
from tests.tasks.checks.looks import LOOK
from tests.tasks.measures.given import measured

MINE = replace(LOOK, known=Known(accounts=frozenset({"msp@acme.example"}), networks=frozenset({"198.51.100.0/24"})))


class Identity:
    def __init__(self, *places: tuple[str, bool], there: bool = True) -> None:
        self.places, self.there = places, there

    async def account(self, name: str) -> Any:
        if not self.there:
            raise TargetNotFound(f"no {name}")
        return SimpleNamespace(id="id-1", upn=name)

    async def sign_ins(self, user: str, since: Any, until: Any) -> AsyncIterator[Any]:
        assert (user, (until - since).days) == ("id-1", 30)
        for ip, success in self.places:
            yield SimpleNamespace(ip=ip, success=success)


@pytest.mark.parametrize(
    ("identity", "status"),
    [
        (Identity(("198.51.100.7", True)), "pass"),
        (Identity(("198.51.100.7", True), ("203.0.113.9", True)), "fail"),
        (Identity(("198.51.100.7", True), ("203.0.113.9", False)), "pass"),  # nobody got in from there
        (Identity(("", True)), "fail"),
        (Identity(("not an address", True)), "fail"),
        (Identity(), "for_person"),
        (Identity(there=False), "unknown"),
    ],
)
async def test_from_where(identity: Identity, status: str) -> None:
    assert (await measured(MspSignInPlaces(), MINE, identity=identity)).status == status


@pytest.mark.parametrize("known", [Known(networks=MINE.known.networks), Known(accounts=MINE.known.accounts)])
async def test_nothing_to_compare_is_asked(known: Known) -> None:
    look = replace(MINE, known=known)
    assert (await measured(MspSignInPlaces(), look, identity=Identity(("203.0.113.9", True)))).status == "for_person"
