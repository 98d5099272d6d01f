from __future__ import annotations

import pytest

from tasks.identity.enable_sign_in import EnableSignIn
from tenantry.errors import MasteredOnPremises
from tenantry.task import Outcome
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import FakeTenant


class TestEnableSignIn(EffectContract):
    case = Case(
        task=EnableSignIn,
        prepare=lambda tenant: {"account": tenant.add_account("alice", enabled=False).upn},
        writes=[("set_enabled", "id-alice", True)],
        undo_writes=[("set_enabled", "id-alice", False)],
        seen=lambda tenant: tenant.identity.people["id-alice"].enabled,
    )


async def test_a_synced_account_is_not_touched():
    tenant = FakeTenant()
    tenant.add_account("alice", enabled=False, synced=True)
    with pytest.raises(MasteredOnPremises):
        await drive(tenant, EnableSignIn(), {"account": "id-alice"})
    assert tenant.writes == []


async def test_a_synced_account_enabled_on_premises_is_already():
    tenant = FakeTenant()
    tenant.add_account("alice", synced=True)
    assert (await drive(tenant, EnableSignIn(), {"account": "id-alice"})).outcome is Outcome.ALREADY


async def test_a_plan_that_blocks_first_lists_the_enabling_too():
    tenant = FakeTenant()
    tenant.add_account("alice")
    planned = {"user/id-alice/enabled": False}
    done = await drive(tenant, EnableSignIn(), {"account": "id-alice"}, mode="plan", planned=planned)
    assert done.outcome is Outcome.WOULD_CHANGE
