from __future__ import annotations

from datetime import timedelta
from typing import Any

from tasks.checks.cloud_activity.account_explored import AccountExplored
from tests.support.aws_gaps import record
from tests.tasks.checks._cloud_log import ACCOUNT, NOW, ROLE, holds, session, status, swept


async def test_each_of_its_detections_is_enough_and_a_look_alike_is_none() -> None:
    await holds(AccountExplored())


def explored(who: dict[str, Any]) -> list[dict[str, Any]]:
    """Thirty questions of ten services in three minutes, a quarter of them refused."""
    at = NOW - timedelta(days=2)
    return [
        record(
            f"List{number}Things",
            at + timedelta(seconds=6 * number),
            source=f"service{number % 10}",
            account=ACCOUNT,
            error="AccessDenied" if number % 4 == 0 else "",
        )
        | who
        for number in range(30)
    ]


async def test_what_our_own_role_reads_is_left_out_and_another_roles_is_not() -> None:
    ours = await swept(explored(session(ROLE)), AccountExplored())
    assert (ours.checks[0]["status"], ours.events_read) == ("pass", 0)
    assert await status(explored(session(f"{ROLE}2")), AccountExplored()) == "fail"
