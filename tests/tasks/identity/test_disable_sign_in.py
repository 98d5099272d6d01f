from __future__ import annotations

import pytest

from tasks.identity.disable_sign_in import DisableSignIn
from tenantry.errors import Conflict, MasteredOnPremises
from tenantry.task import Outcome
from tests.support.effects import Case, EffectContract, drive, undo
from tests.support.fakes import FakeTenant


class TestDisableSignIn(EffectContract):
    case = Case(
        task=DisableSignIn,
        prepare=lambda tenant: {"account": tenant.add_account("alice").upn},
        writes=[("set_enabled", "id-alice", False)],
        undo_writes=[("set_enabled", "id-alice", True)],
        seen=lambda tenant: tenant.identity.people["id-alice"].enabled,
    )


async def test_disabled_before_is_already():
    tenant = FakeTenant()
    tenant.add_account("alice", enabled=False)
    assert (await drive(tenant, DisableSignIn(), {"account": "id-alice"})).outcome is Outcome.ALREADY
    assert tenant.writes == []


async def test_name_and_id_give_the_same_path():
    tenant = FakeTenant()
    tenant.add_account("alice")
    by_id = await drive(tenant, DisableSignIn(), {"account": "id-alice"}, mode="plan")
    by_name = await drive(tenant, DisableSignIn(), {"account": "Alice@acme.example"}, mode="plan")
    assert by_id.changes == by_name.changes


class TestSyncedFromActiveDirectory:
    """What the next sync takes back is applied, since it helps now, and is never reported done."""

    async def test_is_written_and_never_counts_as_done(self):
        tenant = FakeTenant()
        tenant.add_account("alice", synced=True)
        with pytest.raises(MasteredOnPremises):
            await drive(tenant, DisableSignIn(), {"account": "id-alice"})
        assert list(tenant.writes) == [("set_enabled", "id-alice", False)]

    async def test_own_write_found_again_after_an_interruption_is_not_taken_for_the_truth(self):
        tenant = FakeTenant()
        tenant.add_account("alice", synced=True, enabled=False)
        with pytest.raises(MasteredOnPremises):
            await drive(tenant, DisableSignIn(), {"account": "id-alice"}, intent_at=tenant.clock.now())
        assert tenant.writes == []

    async def test_disabled_by_others_before_is_already(self):
        tenant = FakeTenant()
        tenant.add_account("alice", synced=True, enabled=False)
        assert (await drive(tenant, DisableSignIn(), {"account": "id-alice"})).outcome is Outcome.ALREADY

    async def test_undo_puts_the_cloud_back(self):
        tenant = FakeTenant()
        tenant.add_account("alice", synced=True)
        task = DisableSignIn()
        changes = (await drive(tenant, task, {"account": "id-alice"}, mode="plan")).changes
        with pytest.raises(MasteredOnPremises):
            await drive(tenant, task, {"account": "id-alice"})
        assert await undo(tenant, task, {"account": "id-alice"}, changes)


async def test_undo_refuses_a_record_that_does_not_fit():
    tenant = FakeTenant()
    tenant.add_account("alice")
    task = DisableSignIn()
    made = await drive(tenant, task, {"account": "id-alice"})
    odd = [change.model_copy(update={"before": None, "after": None}) for change in made.changes]
    with pytest.raises(Conflict):
        await undo(tenant, task, {"account": "id-alice"}, odd)
