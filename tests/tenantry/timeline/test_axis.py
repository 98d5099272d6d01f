from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.timeline.axis import MAX_SEGMENTS, Axis

START = datetime(2026, 11, 20, 3, 12, 4, tzinfo=UTC)

moments = st.lists(
    st.one_of(st.floats(-100_000, 100_000), st.floats(0, 40), st.integers(0, 30).map(float), st.floats(-9e7, 9e7)).map(
        lambda seconds: START + timedelta(seconds=seconds)
    ),
    min_size=1,
    max_size=120,
)


@given(moments)
def test_later_is_never_further_left(times: list[datetime]) -> None:
    axis = Axis(times, 100, 1100)
    places = [axis.x(at) for at in sorted(times)]

    assert all(left <= right + 1e-6 for left, right in itertools.pairwise(places))
    assert all(100 - 1e-6 <= x <= 1100 + 1e-6 for x in places)


@given(moments)
def test_pieces_fill_the_width_and_leave_nothing_out_but_silence(times: list[datetime]) -> None:
    axis = Axis(times, 100, 1100)

    assert 1 <= len(axis.segments) <= MAX_SEGMENTS
    assert axis.segments[0].left == 100
    assert axis.segments[-1].right == pytest.approx(1100)
    for gap, before, after in zip(axis.gaps, axis.segments, axis.segments[1:], strict=False):
        assert not any(before.end < at < after.start for at in times)
        assert gap.length == after.start - before.end
    assert all(any(s.start <= at <= s.end for s in axis.segments) for at in times)


@given(moments)
def test_ticks_stand_inside_their_piece_and_apart(times: list[datetime]) -> None:
    axis = Axis(times, 100, 1100)
    for segment in axis.segments:
        places = [tick.x for tick in axis.ticks(segment)]
        assert places
        assert all(segment.left - 1e-6 <= x <= segment.right + 1e-6 for x in places)
        assert all(right - left > 40 for left, right in itertools.pairwise(places))


def test_seconds_of_work_after_a_day_of_attack_can_both_be_read() -> None:
    attacker = [START - timedelta(hours=h) for h in (26, 25.9, 24, 20, 9, 2)]
    platform = [START + timedelta(seconds=s) for s in range(30)]

    axis = Axis(attacker + platform, 100, 1100)

    assert axis.x(START + timedelta(seconds=29)) - axis.x(START) > 200
    assert axis.x(attacker[-1]) - axis.x(attacker[0]) > 200
    assert len(axis.gaps) >= 1


def test_what_is_evenly_spread_is_not_cut() -> None:
    assert Axis([START + timedelta(minutes=m) for m in range(60)], 0, 1000).gaps == []


def test_one_moment_is_enough() -> None:
    axis = Axis([START], 0, 1000)
    assert axis.x(START) == 500
    assert [tick.label for tick in axis.ticks(axis.segments[0])] == ["03:12:04"]
