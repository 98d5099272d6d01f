"""A client's own systems are asked for their alerts: whatever dies in between, none is lost and none is there twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.alerting import Alerting
from flows.assembly import Source
from flows.pulling import OVERLAP, PULLS, RUNBOOK, TenantIntake, source_of
from flows.sweep_schedule import Sweeps
from tenantry.alerts.cursors import Cursors
from tenantry.alerts.store import AlertStore
from tenantry.capabilities.security_alerts import SecurityAlert
from tenantry.clock import SystemClock
from tenantry.errors import Conflict, OutOfScope, RecordError, Unreachable
from tenantry.home import Home
from tenantry.tenants import ProviderConfig
from tests.flows.test_alerting import Place
from tests.flows.test_sweep_schedule import Scheduled
from tests.tenantry.alerts.samples import GRAPH

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAY = timedelta(days=1)
TENANT = "name: acme\ndisplay_name: Acme\nalert_pull: {every_minutes: 5}\nproviders: {m365: {vendor: microsoft365}}\n"


def listed(name: str, at: datetime, **more: Any) -> SecurityAlert:
    raw = {**GRAPH, "id": name, "lastUpdateDateTime": at.isoformat(), **more}
    return SecurityAlert(kind="microsoft_graph", id=name, updated_at=at, raw=raw)


class Vendor:
    """Lists alerts, in an order of its own, and may go away in the middle."""

    def __init__(self, *alerts: SecurityAlert) -> None:
        self.rows = list(alerts)
        self.asked: list[datetime] = []
        self.away_after: int | None = None

    async def alerts(self, since: datetime) -> AsyncIterator[SecurityAlert]:
        self.asked.append(since)
        for number, row in enumerate([one for one in self.rows if one.updated_at >= since]):
            if number == self.away_after:
                raise Unreachable("the vendor is away")
            yield row

    def capability(self, name: str) -> Vendor:
        assert name == "security_alerts"
        return self


class Client:
    """As much of a tenant's context as the intake uses, over vendors of this test."""

    def __init__(self, **vendors: Vendor) -> None:
        self.name = "acme"
        self.vendors = vendors

    def sources(self) -> list[Source]:
        return [Source(key, ProviderConfig(vendor="microsoft365")) for key in self.vendors]

    async def handle(self, key: str) -> Vendor:
        return self.vendors[key]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(Home(tmp_path / "home").ensure())
    (made.home.tenants / "acme.yaml").write_text(TENANT, encoding="utf-8")
    yield made
    made.store.close()
    made.installation.close()


def intake(place: Place, *, drill: bool = False, **vendors: Vendor) -> TenantIntake:
    return TenantIntake(place.installation, Client(**vendors), drill=drill)  # type: ignore[arg-type]  # of what it uses


async def test_what_is_new_is_accepted_and_decided_on_as_the_clients(place: Place) -> None:
    vendor = Vendor(listed("a", NOW), listed("b", NOW - timedelta(hours=1)))
    (found,) = await intake(place, m365=vendor).pull(NOW, DAY)
    assert (found.source, found.read, found.new, found.problem) == ("acme/m365", 2, 2, None)
    await place.work(place.alerting())
    rows = place.store.alerts()
    assert {(row.tenant, row.source) for row in rows} == {("acme", "acme/m365")}
    assert sorted(row.state for row in rows) == ["merged", "run"]
    (again,) = await intake(place, m365=vendor).pull(NOW + timedelta(minutes=5), DAY)
    assert (again.new, vendor.asked) == (0, [NOW - DAY, NOW - OVERLAP])
    assert len(place.store.alerts()) == 2


async def test_killed_between_reading_and_saving_the_cursor(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = Vendor(listed("a", NOW), listed("b", NOW))

    def dies(*_: object) -> None:
        raise RecordError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(Cursors, "save", dies)
        with pytest.raises(RecordError):
            await intake(place, m365=vendor).pull(NOW, DAY)
    with monkeypatch.context() as patched:
        patched.setattr(AlertStore, "accept", dies)
        with pytest.raises(RecordError):
            await intake(place, m365=vendor).pull(NOW, DAY)
    vendor.rows.append(listed("c", NOW))
    (found,) = await intake(place, m365=vendor).pull(NOW, DAY)
    assert (found.read, found.new, vendor.asked) == (3, 1, [NOW - DAY] * 3)
    assert len(place.store.alerts()) == 3


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(0, 14), st.lists(st.integers(0, 9), max_size=4), st.none() | st.integers(0, 3)),
        min_size=1,
        max_size=6,
    )
)
def test_none_is_lost_or_doubled_however_late_it_is_listed(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[int, list[int], int | None]]
) -> None:
    """Alerts are listed up to a quarter of an hour after their time, in any order, by a vendor that goes away in the middle."""
    import asyncio

    made = Place(Home(tmp_path_factory.mktemp("pull") / "home").ensure())
    try:
        vendor, now = Vendor(), NOW
        for late, names, away in story:
            now += timedelta(minutes=20)
            at = now - timedelta(minutes=late)
            vendor.rows += [listed(f"{name}-{now:%H%M}", at) for name in dict.fromkeys(names)]
            vendor.away_after = away
            asyncio.run(intake(made, m365=vendor).pull(now, DAY))
        vendor.away_after = None
        asyncio.run(intake(made, m365=vendor).pull(now, DAY))
        assert len(made.store.alerts(most=1_000)) == len(vendor.rows)
    finally:
        made.store.close()
        made.installation.close()


async def test_one_that_is_away_keeps_no_other_from_being_asked_and_is_asked_again(place: Place) -> None:
    away, here = Vendor(listed("a", NOW), listed("b", NOW)), Vendor(listed("c", NOW))
    away.away_after = 1
    first, second = await intake(place, m365=away, other=here).pull(NOW, DAY)
    assert (first.problem, first.new, second.problem, second.new) == ("the vendor is away", 1, None, 1)
    away.away_after = None
    first, _ = await intake(place, m365=away, other=here).pull(NOW, DAY)
    assert (first.since, first.new) == (NOW - DAY, 1)


async def test_what_cannot_be_read_waits_for_a_person(place: Place) -> None:
    await intake(place, m365=Vendor(listed("a", NOW, title=7, severity=["high"]))).pull(NOW, DAY)
    await place.work(place.alerting())
    (row,) = place.store.alerts()
    assert (row.state, row.severity, row.tenant) == ("queue", "medium", "acme")


async def test_a_drill_accepts_nothing(place: Place) -> None:
    with pytest.raises(OutOfScope):
        await intake(place, drill=True, m365=Vendor(listed("a", NOW))).pull(NOW, DAY)
    assert place.store.alerts() == []


async def test_a_process_without_keys_waits_until_the_key_was_said(place: Place) -> None:
    hand = intake(place, m365=Vendor())
    cursors = Cursors(place.store)
    hand._installation = SimpleNamespace(vault=_Brokered())  # type: ignore[assignment]  # as a run's child has it
    with pytest.raises(Conflict):
        hand._public(cursors)
    alerting: Alerting = place.alerting()
    alerting._decide()
    assert hand._public(cursors) == place.public


class _Brokered:
    """Passes for the vault of a run's child."""

    def __init__(self) -> None:
        from tenantry.broker import BrokeredVault

        self.__class__ = type("_", (BrokeredVault,), {"__init__": object.__init__})


class Later(SystemClock):
    by = timedelta(0)

    def now(self):  # as its parent's
        return super().now() + self.by


async def test_runs_are_begun_as_often_as_the_file_says(place: Place) -> None:
    place.installation.journal.clock = clock = Later()
    scheduled = Scheduled()
    pulls = Sweeps(place.installation, scheduled, PULLS)
    (run_id,) = await pulls.look()
    assert (scheduled.runs[0].runbook, scheduled.runs[0].tenant) == (RUNBOOK, "acme")
    assert await pulls.look() == []
    clock.by = timedelta(minutes=6)
    assert await pulls.look() == [], "the one before is not over"
    assert source_of("acme", "m365") == "acme/m365"
    assert place.installation.state(run_id).requester["via"] == "schedule"
