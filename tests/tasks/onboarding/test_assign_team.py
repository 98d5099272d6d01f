from __future__ import annotations

from typing import Any

import pytest

from tasks.onboarding.assign_team import AssignTeam, AssignTeamParams
from tenantry.errors import Conflict, StepError
from tests.tasks.onboarding.hand import Hand, colleague, context

GIVEN = AssignTeamParams(lead="kim", engineers=["sam"], on_call=["sam", "kim"])


async def test_it_is_written_verified_and_put_back() -> None:
    hand, task = Hand(), AssignTeam()
    changes = await task.check(context(hand), GIVEN)
    assert [one.path for one in changes] == [
        f"tenant/acme/service_team.{key}" for key in ("lead", "engineers", "on_call")
    ]
    await task.apply(context(hand), GIVEN, changes)
    assert await task.verify(context(hand), GIVEN, changes) == []
    assert hand.fields["service_team", "on_call"] == ["sam", "kim"]
    await task.undo(context(hand), GIVEN, changes)
    assert hand.fields["service_team", "lead"] is None
    assert await task.verify_undone(context(hand), GIVEN, changes)


async def test_undo_stops_where_somebody_set_another() -> None:
    hand, task = Hand(), AssignTeam()
    changes = await task.check(context(hand), GIVEN)
    await task.apply(context(hand), GIVEN, changes)
    hand.fields["service_team", "lead"] = "ann"
    with pytest.raises(Conflict):
        await task.undo(context(hand), GIVEN, changes)


async def test_who_stands_in_the_file_stays() -> None:
    hand = Hand()
    hand.fields = {("service_team", "lead"): "kim", ("service_team", "engineers"): ["sam"]}
    assert await AssignTeam().check(context(hand), AssignTeamParams()) == []


@pytest.mark.parametrize(
    ("sam", "why"),
    [
        (None, "sam is nobody of the MSP"),
        (colleague("sam", "engineer", enabled=False), "sam is disabled"),
        (colleague("sam", "engineer", enrolled=False), "sam is not enrolled"),
        (colleague("sam", "engineer", here=False), "sam may not touch this client"),
        (colleague("sam", "auditor"), "sam is no engineer"),
    ],
)
async def test_whoever_cannot_look_after_the_client_is_named(sam: Any, why: str) -> None:
    hand = Hand()
    del hand.people["sam"]
    if sam is not None:
        hand.people["sam"] = sam
    with pytest.raises(StepError, match=why):
        await AssignTeam().check(context(hand), GIVEN)


async def test_somebody_leads_and_somebody_works() -> None:
    with pytest.raises(StepError, match="nobody leads the service; nobody works on the service"):
        await AssignTeam().check(context(Hand()), AssignTeamParams())
