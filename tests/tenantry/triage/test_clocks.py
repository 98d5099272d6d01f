"""The clocks of an agreement: through every minute or through business hours, and for an incident that gets worse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.errors import InvalidTenant
from tenantry.tenants import Tenant
from tenantry.triage.clocks import clocks, warns_at
from tenantry.yamlpos import build, parse

FRIDAY = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)  # 16:30 in Berlin
HOURS = {"days": ["mon", "tue", "wed", "thu", "fri"], "start": "09:00", "end": "17:00", "holidays": ["2026-11-23"]}


def tenant(**sla: Any) -> Tenant:
    given_ = {"name": "acme", "display_name": "Acme", "time_zone": "Europe/Berlin", "business_hours": HOURS}
    return Tenant.model_validate({**given_, "agreement": {"sla": sla}})


def test_through_every_minute_and_through_business_hours() -> None:
    client = tenant(
        critical={"acknowledge_minutes": 15, "contain_minutes": 60, "resolve_minutes": 480},
        low={"acknowledge_minutes": 60, "hours": "business"},
    )
    found = {clock.name: clock for clock in clocks(client, [("critical", FRIDAY)])}
    assert {name: clock.due_at - FRIDAY for name, clock in found.items()} == {
        "acknowledge": timedelta(minutes=15),
        "contain": timedelta(minutes=60),
        "resolve": timedelta(hours=8),
    }
    (slow,) = clocks(client, [("low", FRIDAY)])
    # Half an hour on Friday; Monday is a holiday; half an hour on Tuesday from 09:00 in Berlin.
    assert slow.due_at == datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
    assert slow.source == "agreement: acknowledge within 60 business minutes (low)"
    assert warns_at(client, slow, 50) == FRIDAY + timedelta(minutes=30)
    assert warns_at(client, slow, 75) == datetime(2026, 11, 24, 8, 15, tzinfo=UTC)


def test_what_was_not_agreed_has_no_clock() -> None:
    assert clocks(tenant(), [("critical", FRIDAY)]) == []
    assert clocks(tenant(high={"acknowledge_minutes": 5}), [("info", FRIDAY)]) == []


SLA = st.builds(
    lambda minutes, hours: {"acknowledge_minutes": minutes, "hours": hours},
    st.integers(1, 5_000),
    st.sampled_from(["always", "business"]),
)


@settings(max_examples=40)
@given(SLA, SLA, st.integers(0, 20_000))
def test_getting_worse_never_buys_time(mild: dict[str, Any], bad: dict[str, Any], minutes: int) -> None:
    client = tenant(low=mild, critical=bad)
    worse = FRIDAY + timedelta(minutes=minutes)
    (first,) = clocks(client, [("low", FRIDAY)])
    (both,) = clocks(client, [("low", FRIDAY), ("critical", worse)])
    (alone,) = clocks(client, [("critical", worse)])
    assert both.due_at == min(first.due_at, alone.due_at)
    assert both.started_at <= warns_at(client, both, 75) <= both.due_at


def test_business_hours_that_were_not_agreed_are_refused_by_line() -> None:
    text = "name: acme\ndisplay_name: Acme\nagreement:\n  sla:\n    low: {acknowledge_minutes: 5, hours: business}\n"
    with pytest.raises(InvalidTenant, match=r"t\.yaml:5.*not agreed"):
        build(Tenant, parse(text, file="t.yaml", error=InvalidTenant), error=InvalidTenant)
