"""Trends over random histories of sweeps, held against looking each of them up again."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tenantry.baseline.measure import STATUSES
from tenantry.baseline.trend import Point, direction, points

COUNTS = st.dictionaries(st.sampled_from([*STATUSES, "excepted"]), st.integers(0, 9))
SWEEP = st.dictionaries(st.sampled_from(["entra", "aws", "linux"]), COUNTS, min_size=1)


def sweeps(history: list[dict[str, dict[str, int]]]) -> list[dict[str, Any]]:
    return [
        {"at": f"2026-01-{number + 1:02}T00:00:00Z", "baselines": [{"baseline": name, "statuses": of} for name, of in one.items()]}
        for number, one in enumerate(history)
    ]  # fmt: skip


@given(st.lists(SWEEP, max_size=12))
def test_each_point_is_what_was_known_then(history: list[dict[str, dict[str, int]]]) -> None:
    found = points(sweeps(history))
    assert [point.at for point in found] == [one["at"] for one in sweeps(history)]
    for number, point in enumerate(found):
        expected: Counter[str] = Counter()
        for name in {name for one in history[: number + 1] for name in one}:
            newest = next(one[name] for one in reversed(history[: number + 1]) if name in one)
            expected.update(newest)
        assert dict(point.counts) == {status: count for status, count in expected.items() if count}


@given(st.lists(SWEEP, min_size=1, max_size=8), SWEEP)
def test_a_later_sweep_changes_no_earlier_point(history: list[Any], more: Any) -> None:
    assert points(sweeps([*history, more]))[:-1] == points(sweeps(history))


@given(st.lists(COUNTS, max_size=6))
def test_the_direction_is_that_of_what_is_not_met(history: list[dict[str, int]]) -> None:
    trend = [Point("2026-01-01T00:00:00Z", counts) for counts in history]
    unmet = [counts.get("fail", 0) + counts.get("excepted", 0) for counts in history]
    told = direction(trend)
    if len(unmet) < 2:
        assert told == "new"
    else:
        assert told == ("worse" if unmet[-1] > unmet[-2] else "better" if unmet[-1] < unmet[-2] else "same")
