"""Working time over holidays, nights and both changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.triage.worktime import WorkTime

ZONES = [
    ZoneInfo(name)
    for name in ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")
]
WEEK = frozenset(range(5))
BERLIN = WorkTime(WEEK, time(9), time(17), ZoneInfo("Europe/Berlin"))

# Half hours, so that many fall on and into the changes of the clocks, among years in which each of the zones has them.
halves = st.integers(0, 47).map(lambda half: time(half // 2, 30 * (half % 2)))
moments = st.integers(0, 8_900_000).map(lambda minutes: datetime(2010, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))
spans = st.integers(0, 10_000).map(lambda minutes: timedelta(minutes=minutes))


@st.composite
def weeks(draw: st.DrawFn) -> WorkTime:
    days = draw(st.frozensets(st.integers(0, 6), min_size=1))
    off = draw(st.frozensets(st.dates(date(2010, 1, 1), date(2026, 12, 31)), max_size=5))
    return WorkTime(days, draw(halves), draw(halves), draw(st.sampled_from(ZONES)), off)


@settings(max_examples=50)
@given(weeks(), moments, spans)
def test_what_is_worked_until_it_is_due_is_what_was_promised(week: WorkTime, at: datetime, span: timedelta) -> None:
    due = week.after(at, span)
    assert due >= at
    assert week.between(at, due) == span


@settings(max_examples=50)
@given(weeks(), moments, spans, spans)
def test_it_may_be_counted_in_parts(week: WorkTime, at: datetime, first: timedelta, second: timedelta) -> None:
    half = week.after(at, first)
    assert week.between(half, week.after(at, first + second)) == second
    if second:
        assert week.after(half, second) == week.after(at, first + second)
    assert week.between(at, half) + week.between(half, half + second) == week.between(at, half + second)


@settings(max_examples=50)
@given(weeks(), moments, spans, spans)
def test_who_comes_later_is_not_due_earlier(week: WorkTime, at: datetime, span: timedelta, wait: timedelta) -> None:
    assert week.after(at + wait, span) >= week.after(at, span)
    assert week.after(at, span + wait) >= week.after(at, span)


@settings(max_examples=50)
@given(weeks(), moments)
def test_somebody_works_exactly_when_time_is_counted(week: WorkTime, at: datetime) -> None:
    minute = timedelta(minutes=1)
    assert week.works(at) == (week.between(at, at + timedelta(microseconds=1)) > timedelta(0))
    assert timedelta(0) <= week.between(at, at + minute) <= minute


@pytest.mark.parametrize(
    ("begins", "minutes", "due"),
    [
        ("2026-11-23T08:00", 60, "2026-11-23T09:00"),  # Monday; 08:00 UTC is 09:00 in Berlin
        ("2026-11-23T15:30", 60, "2026-11-24T08:30"),  # the last half hour, and one of the next day
        ("2026-11-20T15:30", 60, "2026-11-23T08:30"),  # over a weekend
        ("2026-11-21T12:00", 1, "2026-11-23T08:01"),  # on a Saturday
        ("2026-03-27T15:30", 60, "2026-03-30T07:30"),  # the clocks go forward between: 09:00 is 07:00 UTC then
        ("2026-10-23T14:30", 60, "2026-10-26T08:30"),  # and back
    ],
)
def test_hours_of_an_office(begins: str, minutes: int, due: str) -> None:
    found = BERLIN.after(datetime.fromisoformat(begins).replace(tzinfo=UTC), timedelta(minutes=minutes))
    assert found == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_a_holiday_is_left_out_in_its_own_time_zone() -> None:
    week = WorkTime(WEEK, time(9), time(17), ZoneInfo("Pacific/Auckland"), frozenset({date(2026, 11, 24)}))
    monday = datetime(2026, 11, 22, 20, tzinfo=UTC)  # 09:00 on Monday there
    assert week.after(monday, timedelta(hours=9)) == monday + timedelta(days=2, hours=1)


def test_a_night_of_the_clocks_is_as_long_as_it_is() -> None:
    night = WorkTime(frozenset(range(7)), time(22), time(6), ZoneInfo("Europe/Berlin"))
    lengths = {}
    for day in (date(2026, 3, 28), date(2026, 10, 24), date(2026, 6, 1)):
        span = night.on(day)
        assert span is not None
        lengths[day.month] = (span[1] - span[0]) / timedelta(hours=1)
    assert lengths == {3: 7, 10: 9, 6: 8}


def test_a_time_that_is_skipped_is_the_moment_of_the_change() -> None:
    week = WorkTime(frozenset(range(7)), time(2, 30), time(3), ZoneInfo("Europe/Berlin"))
    change = datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert week.on(date(2026, 3, 29)) == (change, change)
