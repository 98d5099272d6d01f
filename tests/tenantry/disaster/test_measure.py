"""Clocks stop when health checks held; nothing that nobody showed counts as back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tenantry.clock import rfc3339
from tenantry.disaster.measure import SystemPlan, achieved

T0 = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
PLAN = SystemPlan(
    id="db",
    title="DB",
    tier=0,
    owner="ann",
    rto_seconds=3600,
    rpo_seconds=600,
    steps=["db__a"],
    health="db__health",
    data="db__data",
)


def at(minutes: float) -> str:
    return rfc3339(T0 + timedelta(minutes=minutes))


def step(name: str, outcome: str | None, begun: float, ended: float | None, **more: Any) -> dict[str, Any]:
    return {
        **{
            "id": name,
            "title": name,
            "item": None,
            "outcome": outcome,
            "attempts": 1,
            "error": None,
            "output": None,
            "decided": None,
        },
        **{"started_at": at(begun), "finished_at": at(ended) if ended is not None else None},
        **more,
    }


def measured(*steps: dict[str, Any], now: float = 50) -> Any:
    (found,) = achieved(
        [PLAN],
        {"steps": list(steps)},
        outage_began=T0,
        detected_at=T0 + timedelta(minutes=1),
        declared_at=T0 + timedelta(minutes=5),
        now=T0 + timedelta(minutes=now),
    )
    return found


GOOD = (
    step("db__a", "changed", 6, 20),
    step("db__health", "observed", 20, 30),
    step("db__data", "observed", 30, 31, output={"found": [{"newest": at(-5)}, {"newest": at(-8)}]}),
)


def test_the_clock_stops_at_health_and_the_loss_is_that_of_the_worst_place() -> None:
    found = measured(*GOOD)
    assert found.state == "recovered"
    assert (found.achieved_seconds, found.rto_kept) == (1800, True)
    assert (found.lost_seconds, found.rpo_kept) == (480, True)
    assert found.began_at == T0 + timedelta(minutes=6)


def test_late_and_with_more_lost_than_agreed() -> None:
    late = step("db__health", "observed", 20, 61)
    old = step("db__data", "failed", 61, 62, error={"message": "too old", "detail": {"found": [{"newest": at(-60)}]}})
    found = measured(GOOD[0], late, old, now=70)
    assert (found.rto_kept, found.rpo_kept, found.lost_seconds) == (False, False, 3600)
    assert found.state == "failed"
    assert found.exceptions == ["db__data: too old"]


def test_what_is_not_back_is_late_once_its_time_is_over() -> None:
    assert measured(GOOD[0], now=59).rto_kept is None
    assert measured(GOOD[0], now=61).rto_kept is False
    assert measured(GOOD[0]).state == "waiting"
    assert measured(GOOD[0]).lost_seconds is None


def test_left_out_is_unproven_and_said() -> None:
    out = step("db__health", "skipped", 20, 30, decided={"choice": "left_out", "by": "ann", "reason": "I see it"})
    found = measured(GOOD[0], out, GOOD[2])
    assert found.state == "unproven"
    assert found.healthy_at is None
    assert found.exceptions == ["db__health: left out by ann: I see it"]


def test_data_with_a_place_that_has_no_time_has_no_measured_loss() -> None:
    unsure = step("db__data", "observed", 30, 31, output={"found": [{"newest": at(-5)}, {"newest": None}]})
    found = measured(*GOOD[:2], unsure)
    assert (found.lost_seconds, found.rpo_kept) == (None, None)
