from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tasks.identity.reset_password import ResetPassword
from tenantry.errors import MasteredOnPremises
from tenantry.task import Outcome
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import NOW, FakeTenant


class TestResetPassword(EffectContract):
    case = Case(
        task=ResetPassword,
        prepare=lambda tenant: {"account": tenant.add_account("alice").upn},
        writes=[("reset_password", "id-alice", "CANARY-0")],
        undo_writes=None,
    )


async def test_the_password_is_nowhere_but_in_the_vault_and_the_call():
    tenant = FakeTenant()
    tenant.add_account("alice")
    done = await drive(tenant, ResetPassword(), {"account": "id-alice"})
    assert "CANARY" not in json.dumps([change.model_dump(mode="json") for change in done.changes])
    assert "CANARY" not in repr(done)
    assert list(tenant.secrets.made) == ["runs/run-1/id-alice/password"]
    assert done.changes[0].after == "set by this run, kept as vault:acme/runs/run-1/id-alice/password"


async def test_repeating_an_interrupted_reset_sets_the_same_password():
    tenant = FakeTenant()
    tenant.add_account("alice")
    task = ResetPassword()
    p = task.Params.model_validate({"account": "alice@acme.example"})
    ctx = tenant.context(task)
    changes = await task.check(ctx, p)
    await task.apply(ctx, p, changes)
    await task.apply(ctx, p, changes)
    assert {value for what, _, value in tenant.writes if what == "reset_password"} == {"CANARY-0"}


async def test_a_change_by_somebody_else_during_the_run_is_not_ours():
    """The attacker may change the password too; only a change after this step's own intent counts."""
    tenant = FakeTenant()
    tenant.add_account("alice", last_password_change=NOW + timedelta(seconds=30))
    assert (await drive(tenant, ResetPassword(), {"account": "id-alice"})).outcome is Outcome.CHANGED
    intent = NOW + timedelta(minutes=5)
    tenant.add_account("bob", last_password_change=NOW + timedelta(seconds=30))
    assert (await drive(tenant, ResetPassword(), {"account": "id-bob"}, intent_at=intent)).outcome is Outcome.CHANGED


async def test_a_synced_account_is_refused_before_anything_is_written():
    tenant = FakeTenant()
    tenant.add_account("alice", synced=True)
    with pytest.raises(MasteredOnPremises):
        await drive(tenant, ResetPassword(), {"account": "id-alice"})
    assert tenant.writes == []
    assert tenant.secrets.made == {}


async def test_not_moved_is_not_verified():
    tenant = FakeTenant()
    tenant.add_account("alice")
    task = ResetPassword()
    p = task.Params.model_validate({"account": "id-alice"})
    changes = await task.check(tenant.context(task), p)
    assert await task.verify(tenant.context(task, intent_at=NOW), p, changes) == changes
