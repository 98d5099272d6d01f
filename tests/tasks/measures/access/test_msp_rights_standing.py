from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.measures.access.msp_rights_standing import MspRightsStanding
from tenantry.capabilities import RoleHolding
from tests.tasks.checks.looks import LOOK, OURS
from tests.tasks.measures.given import NOBODY, listed, measured

LATER = replace(LOOK, known=replace(LOOK.known, accounts=frozenset({"msp@acme.example", "breakglass@acme.example"}), emergency=frozenset({"breakglass@acme.example"})))  # fmt: skip


def holding(principal: str, **more: Any) -> RoleHolding:
    base: dict[str, Any] = {
        **{"id": "h", "principal_id": f"id-{principal}", "principal": principal, "kind": "user", "first_party": False},
        **{"app_id": "", "role": "Global Administrator", "role_id": "r", "privileged": True, "scope": "/"},
        **{"how": "assigned", "began_at": None, "dated": True, "raw": {}},
    }
    return RoleHolding(**{**base, **more})


def directory(*found: RoleHolding) -> SimpleNamespace:
    return SimpleNamespace(role_holdings=listed(*found))


@pytest.mark.parametrize(
    ("mine", "status"),
    [
        (holding("MSP@acme.example"), "fail"),
        (holding("msp@acme.example", how="eligible"), "pass"),
        (holding("msp@acme.example", how="activated"), "pass"),
        (holding("msp@acme.example", privileged=False), "pass"),
        (holding("tool", kind="application", app_id=OURS), "fail"),
        (holding("breakglass@acme.example"), "pass"),  # what it is kept for
        (holding("anna@acme.example"), "pass"),  # the client's own
    ],
)
async def test_what_we_hold_for_good(mine: RoleHolding, status: str) -> None:
    found = await measured(MspRightsStanding(), LATER, directory=directory(mine))
    assert found.status == status


async def test_a_directory_without_roles_was_not_seen() -> None:
    assert (await measured(MspRightsStanding(), LATER, directory=directory())).status == "unknown"


async def test_who_is_ours_is_asked() -> None:
    found = await measured(MspRightsStanding(), NOBODY, directory=directory(holding("anna@acme.example")))
    assert found.status == "for_person"
