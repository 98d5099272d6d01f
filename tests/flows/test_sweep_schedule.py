"""Clients are swept by runs that the service begins: once a period, each at its own minute, where its file says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.assembly import Installation
from flows.sweep_schedule import AT_ONCE, COMPLIANCE, Sweeps, slot_of
from flows.sweeping import RUNBOOK, last_sweep
from tenantry.home import Home
from tenantry.journal import Event
from tenantry.run import RunState

DAY = timedelta(hours=24)


class Scheduled:
    def __init__(self) -> None:
        self.runs: list[RunState] = []

    async def __call__(self, state: RunState) -> None:
        self.runs.append(state)


class At:
    def __init__(self, now: datetime) -> None:
        self.at = now

    def now(self) -> datetime:
        return self.at

    def monotonic_us(self) -> int:
        return 0


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    home = Home(tmp_path / "home").ensure()
    with Installation.open(home) as opened:
        opened.journal.clock = At(datetime(2026, 11, 22, 12, tzinfo=UTC))
        yield opened


def client(installation: Installation, name: str, more: str = "sweep: {every_hours: 24, days: 7}") -> None:
    text = f"name: {name}\ndisplay_name: {name}\n{more}\n"
    (installation.home.tenants / f"{name}.yaml").write_text(text, encoding="utf-8")
    installation.vault.create_tenant_key(name)


def later(installation: Installation, by: timedelta) -> None:
    clock = installation.journal.clock
    assert isinstance(clock, At)
    clock.at += by


def over(installation: Installation, state: RunState) -> None:
    flow = (state.runbook, state.version)
    ended = Event("run.ended", {"status": "completed"}, state.run_id, outcome="completed", flow=flow)
    installation.journal.append(state.tenant, [ended])


async def test_nothing_is_begun_unless_the_clients_file_says_so(installation: Installation) -> None:
    client(installation, "acme", "")
    assert await Sweeps(installation, Scheduled()).look() == []


async def test_a_client_is_swept_once_a_period(installation: Installation) -> None:
    client(installation, "acme")
    scheduled = Scheduled()
    [begun] = await Sweeps(installation, scheduled).look()
    [state] = scheduled.runs
    assert (state.run_id, state.runbook, state.tenant, dict(state.params)) == (begun, RUNBOOK, "acme", {"days": 7})
    assert state.requester["via"] == "schedule"
    over(installation, state)
    assert await Sweeps(installation, scheduled).look() == []  # another process, or after a restart
    later(installation, DAY)
    [second] = await Sweeps(installation, scheduled).look()
    assert second != begun
    assert last_sweep(installation, "acme") is None  # none of them came to a result


async def test_the_next_one_waits_for_the_one_before(installation: Installation) -> None:
    client(installation, "acme")
    scheduled = Scheduled()
    await Sweeps(installation, scheduled).look()
    later(installation, DAY)
    assert await Sweeps(installation, scheduled).look() == []
    over(installation, scheduled.runs[0])
    assert len(await Sweeps(installation, scheduled).look()) == 1


async def test_a_broken_file_keeps_nobody_else_waiting_and_not_all_begin_at_once(installation: Installation) -> None:
    (installation.home.tenants / "aaa.yaml").write_text("name: [", encoding="utf-8")
    for number in range(AT_ONCE + 2):
        client(installation, f"client-{number}")
    sweeps = Sweeps(installation, Scheduled())
    assert len(await sweeps.look()) == AT_ONCE
    assert len(await sweeps.look()) == 2


def test_each_client_has_its_own_minute() -> None:
    start = datetime(2026, 11, 22, tzinfo=UTC)

    def minute(name: str) -> int:
        slots = [slot_of(name, DAY, start + timedelta(minutes=at)) for at in range(24 * 60)]
        return slots.index(max(slots))

    minutes = [minute(f"client-{number}") for number in range(40)]
    assert len(set(minutes)) > 35
    assert min(minutes) < 300
    assert max(minutes) > 1100
    assert minute("client-1") == minutes[1]


async def test_compliance_sweeps_are_begun_beside_the_others_and_at_a_minute_of_their_own(
    installation: Installation,
) -> None:
    client(
        installation, "acme", "sweep: {every_hours: 24}\ncompliance: {every_hours: 168, baselines: [aws_foundations]}"
    )
    scheduled = Scheduled()
    [swept] = await Sweeps(installation, scheduled).look()
    [held] = await Sweeps(installation, scheduled, COMPLIANCE).look()
    assert swept != held
    assert scheduled.runs[1].runbook == "compliance_sweep"
    assert dict(scheduled.runs[1].params) == {"baselines": ["aws_foundations"], "days": 30}
    assert await Sweeps(installation, scheduled, COMPLIANCE).look() == [], "the one before is under way"
    over(installation, scheduled.runs[1])
    later(installation, 7 * DAY)
    assert len(await Sweeps(installation, scheduled, COMPLIANCE).look()) == 1
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert any(slot_of(f"c{n}", DAY, noon) != slot_of(f"c{n}", DAY, noon, COMPLIANCE.salt) for n in range(40))


async def test_a_baseline_that_is_not_there_is_said_and_keeps_nobody_else_waiting(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    client(installation, "acme", "compliance: {every_hours: 24, baselines: [never_written]}")
    client(installation, "globex", "compliance: {every_hours: 24}")
    scheduled = Scheduled()
    await Sweeps(installation, scheduled, COMPLIANCE).look()
    assert [state.tenant for state in scheduled.runs] == ["globex"]
    assert "never_written" in caplog.text
