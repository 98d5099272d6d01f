from __future__ import annotations

import pytest

from tasks.identity.delete_account import DeleteAccount
from tenantry.errors import Conflict, MasteredOnPremises, TargetNotFound
from tenantry.task import Impact, Outcome
from tests.support.effects import Case, EffectContract, drive, undo
from tests.support.fakes import FakeTenant


def prepare(tenant: FakeTenant) -> dict[str, str]:
    tenant.add_account("alice")
    tenant.add_account("bob")
    return {"account": "id-alice"}


class TestDeleteAccount(EffectContract):
    case = Case(
        task=DeleteAccount,
        prepare=prepare,
        writes=[("delete_account", "id-alice", None)],
        undo_writes=[("restore_account", "id-alice", None)],
        seen=lambda tenant: sorted(tenant.identity.people),
    )


async def test_one_that_is_gone_is_deleted():
    tenant = FakeTenant()
    prepare(tenant)
    done = await drive(tenant, DeleteAccount(), {"account": "id-nobody"})
    assert (done.outcome, tenant.writes) == (Outcome.ALREADY, [])


async def test_a_name_that_nobody_has_was_not_deleted():
    tenant = FakeTenant()
    prepare(tenant)
    with pytest.raises(TargetNotFound):
        await drive(tenant, DeleteAccount(), {"account": "alise@acme.example"})


async def test_one_from_active_directory_is_deleted_there():
    tenant = FakeTenant()
    tenant.add_account("alice", synced=True)
    with pytest.raises(MasteredOnPremises):
        await drive(tenant, DeleteAccount(), {"account": "id-alice"})


async def test_what_is_gone_for_good_is_not_restored():
    tenant = FakeTenant()
    params = prepare(tenant)
    made = await drive(tenant, DeleteAccount(), params)
    tenant.identity.deleted.clear()
    with pytest.raises(Conflict, match="gone for good"):
        await undo(tenant, DeleteAccount(), params, made.changes)


async def test_a_shared_mailbox_is_asked_about():
    tenant = FakeTenant()
    params = prepare(tenant)
    task = DeleteAccount()
    p = task.Params.model_validate(params)
    assert await task.guard(tenant.context(task), p) == []
    look = await tenant.mail.appearance("id-alice")
    tenant.mail.appearance_of["id-alice"] = look.model_copy(update={"kind": "shared"})
    assert "shared" in " ".join(await task.guard(tenant.context(task), p))
    tenant.mail.without.add("id-alice")
    assert await task.guard(tenant.context(task), p) == []


def test_it_always_takes_an_approval():
    assert DeleteAccount.impact is Impact.IRREVERSIBLE
