from __future__ import annotations

from datetime import timedelta

from tasks.checks.cloud_watch.trail_stopped_or_narrowed import TrailStoppedOrNarrowed
from tests.support.aws_gaps import record
from tests.support.aws_planted import examples
from tests.tasks.checks._cloud_log import NOW, ROLE, holds, session, status, swept


async def test_each_of_its_detections_is_enough_and_a_look_alike_is_none() -> None:
    await holds(TrailStoppedOrNarrowed())


async def test_what_our_own_role_changes_is_shown_as_everybodys() -> None:
    stopped = [one | session(ROLE) for one in examples("aws_trail_stopped")]
    assert await status(stopped, TrailStoppedOrNarrowed()) == "fail"


async def test_who_stands_behind_a_session_is_told() -> None:
    """What an assumed role does counts for whoever assumed it, as in a sweep of files."""
    given = record(
        "AssumeRole",
        NOW - timedelta(hours=3),
        source="sts",
        user="mallory",
        response={"credentials": {"accessKeyId": "ASIAEXAMPLE000000000"}},
    )
    did = [one | session(ROLE) for one in examples("aws_trail_stopped")]
    found = await swept([given, *did], TrailStoppedOrNarrowed())
    assert any(one["id"].endswith(":user/mallory") for one in found.entities)
