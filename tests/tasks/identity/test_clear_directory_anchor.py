from __future__ import annotations

import pytest

from tasks.identity.clear_directory_anchor import ClearDirectoryAnchor
from tenantry.errors import MasteredOnPremises
from tenantry.task import Outcome
from tests.support.effects import Case, ContestedEffectContract, drive
from tests.support.fakes import FakeTenant


def prepare(tenant: FakeTenant) -> dict[str, str]:
    account = tenant.add_account("alice")
    tenant.identity.anchors[account.id] = "pQ2nW7sKk0mF1ZxJ8uYb3A=="
    return {"account": account.upn}


class TestClearDirectoryAnchor(ContestedEffectContract):
    case = Case(
        task=ClearDirectoryAnchor,
        prepare=prepare,
        writes=[("set_directory_anchor", "id-alice", None)],
        undo_writes=[("set_directory_anchor", "id-alice", "pQ2nW7sKk0mF1ZxJ8uYb3A==")],
        seen=lambda tenant: dict(tenant.identity.anchors),
        upsets=lambda tenant: tenant.identity.anchors.update({"id-alice": "another"}),
    )


async def test_who_was_never_synced_has_nothing_to_forget():
    tenant = FakeTenant()
    account = tenant.add_account("alice")
    assert (await drive(tenant, ClearDirectoryAnchor(), {"account": account.upn})).outcome is Outcome.ALREADY


async def test_who_still_is_synced_is_refused_before_anything_is_written():
    tenant = FakeTenant()
    account = tenant.add_account("alice", synced=True)
    tenant.identity.anchors[account.id] = "anchor"
    with pytest.raises(MasteredOnPremises, match="is synced"):
        await drive(tenant, ClearDirectoryAnchor(), {"account": account.upn})
    assert tenant.writes == []
