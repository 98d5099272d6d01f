from __future__ import annotations

from tasks.onboarding.set_schedule import ROTATE_DAYS, SWEEP_HOURS, SetSchedule, SetScheduleParams
from tests.tasks.onboarding.hand import Hand, context


async def test_it_is_set_verified_and_put_back() -> None:
    hand, task, p = Hand(), SetSchedule(), SetScheduleParams(sweep_every_hours=12)
    changes = await task.check(context(hand), p)
    assert [(one.path, one.after) for one in changes] == [
        ("tenant/acme/sweep.every_hours", 12),
        ("tenant/acme/rotation.every_days", ROTATE_DAYS),
    ]
    await task.apply(context(hand), p, changes)
    assert await task.verify(context(hand), p, changes) == []
    await task.undo(context(hand), p, changes)
    assert hand.fields == {("sweep", "every_hours"): None, ("rotation", "every_days"): None}
    assert await task.verify_undone(context(hand), p, changes)


async def test_what_the_file_says_stays_unless_the_run_says_otherwise() -> None:
    hand = Hand()
    hand.fields = {("sweep", "every_hours"): SWEEP_HOURS * 2, ("rotation", "every_days"): 30}
    assert await SetSchedule().check(context(hand), SetScheduleParams()) == []
    [change] = await SetSchedule().check(context(hand), SetScheduleParams(rotate_every_days=60))
    assert (change.before, change.after) == (30, 60)


async def test_a_plan_sees_what_it_would_set() -> None:
    hand = Hand()
    changes = await SetSchedule().check(context(hand), SetScheduleParams())
    planned = {one.path: one.after for one in changes}
    assert await SetSchedule().check(context(hand, planned=planned), SetScheduleParams()) == []
