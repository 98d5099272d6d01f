from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.clocks import Due, due_at, find, load_clocks, start
from tenantry.errors import InvalidInput, NotFound

UTC_ZONE = ZoneInfo("UTC")
FRIDAY = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)

RULE = """
regime: demo
title: Demo
applies_to: Nobody.
clocks:
  - name: first
    starts_on: personal_data
    due: {hours: 24}
    who: a → b
    what: something
    source: &law {title: Law 1, url: "https://law.example/1", compiled_on: 2026-11-21}
  - name: then
    starts_on: personal_data
    after: first
    due: {months: 1}
    who: a → b
    what: more
    source: *law
"""


def write(folder, text: str, name: str = "demo"):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return [folder]


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        ({"hours": 72}, datetime(2026, 11, 23, 15, 30, tzinfo=UTC)),
        ({"days": 30}, datetime(2026, 12, 20, 15, 30, tzinfo=UTC)),
        ({"business_days": 1}, datetime(2026, 11, 23, 15, 30, tzinfo=UTC)),
        ({"business_days": 4}, datetime(2026, 11, 26, 15, 30, tzinfo=UTC)),
        ({"months": 1}, datetime(2026, 12, 20, 15, 30, tzinfo=UTC)),
    ],
)
def test_deadlines(due, expected):
    assert due_at(Due(**due), FRIDAY, UTC_ZONE) == expected


def test_business_days_leave_out_holidays():
    thanksgiving = {date(2026, 11, 26)}
    assert due_at(Due(business_days=4), FRIDAY, UTC_ZONE, holidays=thanksgiving).date() == date(2026, 11, 27)


@pytest.mark.parametrize(
    ("begins", "months", "ends"),
    [((2026, 1, 31), 1, (2026, 2, 28)), ((2028, 1, 31), 1, (2028, 2, 29)), ((2026, 11, 30), 3, (2027, 2, 28))],
)
def test_a_month_ends_on_a_day_that_exists(begins, months, ends):
    assert due_at(Due(months=months), datetime(*begins, 9, tzinfo=UTC), UTC_ZONE).date() == date(*ends)


def test_days_are_the_tenants_days_and_hours_are_elapsed():
    """The night to 29 March 2026 is an hour short in Berlin."""
    berlin, begins = ZoneInfo("Europe/Berlin"), datetime(2026, 3, 28, 11, 0, tzinfo=UTC)
    assert due_at(Due(days=1), begins, berlin) == begins + timedelta(hours=23)
    assert due_at(Due(hours=24), begins, berlin) == begins + timedelta(hours=24)


def test_a_business_day_is_one_in_the_tenants_zone():
    """Friday 23:30 in New York is Saturday in UTC; the next business day is Monday in New York."""
    begins = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)
    ends = due_at(Due(business_days=1), begins, ZoneInfo("America/New_York"))
    assert ends == datetime(2026, 11, 24, 4, 30, tzinfo=UTC)


moments = st.integers(0, 20 * 365 * 24 * 60).map(lambda n: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=n))
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])


@given(moments, st.integers(1, 30), zones)
def test_business_days_land_on_business_days_and_are_that_many(begins, days, zone):
    ends = due_at(Due(business_days=days), begins, ZoneInfo(zone)).astimezone(ZoneInfo(zone))
    day, count = begins.astimezone(ZoneInfo(zone)).date(), 0
    while day < ends.date():
        day += timedelta(days=1)
        count += day.weekday() < 5
    assert count == days
    # In the night of a change of the clock a local time may not exist, and the hour after it is taken.
    assert ends.weekday() < 5


@given(moments, st.integers(1, 24), zones)
def test_every_deadline_lies_ahead(begins, n, zone):
    for due in (Due(hours=n), Due(days=n), Due(business_days=n), Due(months=n)):
        assert due_at(due, begins, ZoneInfo(zone)) > begins


def test_a_clock_may_run_from_anothers_deadline(tmp_path):
    file = load_clocks(write(tmp_path, RULE))["demo"]
    first, then = start(file, ["personal_data"], FRIDAY, by="ann")
    assert first.due_at == FRIDAY + timedelta(hours=24)
    assert then.due_at == datetime(2026, 12, 21, 15, 30, tzinfo=UTC)
    assert then.started_at == FRIDAY
    assert start(file, ["incident"], FRIDAY, by="ann") == []


def test_a_source_that_no_lawyer_checked_says_so(tmp_path):
    file = load_clocks(write(tmp_path, RULE))["demo"]
    assert "not checked by a lawyer yet" in start(file, ["personal_data"], FRIDAY, by="ann")[0].source
    checked = RULE.replace("compiled_on: 2026-11-21}", "compiled_on: 2026-11-21, checked_on: 2026-12-01}")
    file = load_clocks(write(tmp_path, checked))["demo"]
    assert "checked on 2026-12-01" in start(file, ["personal_data"], FRIDAY, by="ann")[0].source


def test_an_operators_file_takes_the_place_of_the_shipped_one(tmp_path):
    own = write(tmp_path / "own", RULE.replace("hours: 24", "hours: 12"))
    shipped = write(tmp_path / "shipped", RULE)
    assert load_clocks([*own, *shipped])["demo"].clocks[0].due.hours == 12


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("hours: 24", "hours: 24, days: 1", 8),
        ("hours: 24", "hours: 0", 8),
        ("after: first", "after: nowhere", None),
        ("name: then", "name: first", None),
        ("https://law", "http://law", None),
        ("starts_on: personal_data", "starts_on: tuesday", 7),
        ("regime: demo", "regime: other", 2),
        ("compiled_on: 2026-11-21", "read: yes", None),
    ],
)
def test_a_wrong_file_names_the_line(tmp_path, old, new, line):
    with pytest.raises(InvalidInput) as caught:
        load_clocks(write(tmp_path, RULE.replace(old, new, 1)))
    assert "demo.yaml:" in str(caught.value)
    if line is not None:
        assert f"demo.yaml:{line}" in str(caught.value)


def test_an_unknown_regime_is_an_error(tmp_path):
    with pytest.raises(NotFound):
        find(["demo", "atlantis"], load_clocks(write(tmp_path, RULE)))


def test_the_shipped_files_are_valid_sourced_and_dated(tmp_path, monkeypatch):
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path))
    files = load_clocks()
    assert {"gdpr", "nis2", "hipaa", "sec", "circia", "ftc_safeguards", "dora", "us_california"} <= set(files)
    names = [rule.name for file in files.values() for rule in file.clocks]
    assert len(names) == len(set(names)), "a name stands for one clock in a run's record"


@pytest.mark.parametrize(
    ("regime", "about", "name", "due"),
    [
        ("gdpr", "personal_data", "gdpr-authority", timedelta(hours=72)),
        ("nis2", "significant_incident", "nis2-early-warning", timedelta(hours=24)),
        ("dora", "significant_incident", "dora-initial", timedelta(hours=4)),
        ("hipaa", "personal_data", "hipaa-individuals", timedelta(days=60)),
        ("circia", "ransom_paid", "circia-ransom", timedelta(hours=24)),
        ("us_california", "personal_data", "us-ca-attorney-general", timedelta(days=45)),
    ],
)
def test_shipped_deadlines(regime, about, name, due):
    clocks = {clock.name: clock for clock in start(load_clocks()[regime], [about], FRIDAY, by="ann")}
    assert clocks[name].due_at - FRIDAY == due


def test_the_shipped_sec_clock_knows_thanksgiving():
    (clock,) = start(load_clocks()["sec"], ["material_incident"], FRIDAY, by="ann")
    assert clock.due_at.date() == date(2026, 11, 27)
