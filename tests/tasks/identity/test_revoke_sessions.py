from __future__ import annotations

from datetime import timedelta

from tasks.identity.revoke_sessions import RevokeSessions
from tenantry.task import Outcome
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import NOW, FakeTenant


class TestRevokeSessions(EffectContract):
    case = Case(
        task=RevokeSessions,
        prepare=lambda tenant: {"account": tenant.add_account("alice").upn},
        writes=[("revoke_sessions", "id-alice", None)],
        undo_writes=None,
    )


async def test_revoked_since_the_run_began_is_already():
    tenant = FakeTenant()
    tenant.add_account("alice", sessions_valid_from=NOW)
    assert (await drive(tenant, RevokeSessions(), {"account": "id-alice"})).outcome is Outcome.ALREADY


async def test_revoked_before_the_run_began_does_not_count():
    tenant = FakeTenant()
    tenant.add_account("alice", sessions_valid_from=NOW - timedelta(seconds=1))
    assert (await drive(tenant, RevokeSessions(), {"account": "id-alice"})).outcome is Outcome.CHANGED


async def test_whole_seconds_of_the_vendor_are_enough():
    """The run began at 12:00:00.4; a revocation 0.3 s later is stored as 12:00:00."""
    tenant = FakeTenant()
    tenant.add_account("alice", sessions_valid_from=NOW)
    p = {"account": "id-alice", "not_before": NOW + timedelta(milliseconds=400)}
    assert (await drive(tenant, RevokeSessions(), p)).outcome is Outcome.ALREADY


async def test_a_later_threshold_asks_for_another_revocation():
    tenant = FakeTenant()
    tenant.add_account("alice", sessions_valid_from=NOW)
    p = {"account": "id-alice", "not_before": NOW + timedelta(hours=1)}
    assert (await drive(tenant, RevokeSessions(), p)).outcome is Outcome.CHANGED


async def test_proof_is_that_it_moved_not_what_our_clock_says():
    """The vendor's clock is ten minutes behind ours; the revocation is seen all the same."""
    tenant = FakeTenant()
    tenant.add_account("alice")
    tenant.clock.tick(-600)
    assert (await drive(tenant, RevokeSessions(), {"account": "id-alice"})).outcome is Outcome.CHANGED


async def test_not_moved_is_not_verified():
    tenant = FakeTenant()
    tenant.add_account("alice")
    task = RevokeSessions()
    p = task.Params.model_validate({"account": "id-alice"})
    ctx = tenant.context(task)
    changes = await task.check(ctx, p)
    assert await task.verify(ctx, p, changes) == changes
