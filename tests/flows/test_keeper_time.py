"""How long it takes until a run that nobody carries is taken up: bounded by the keeper's own intervals, on a clock of the test's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import StateType

from flows import keeper as keeper_module
from flows.assembly import Installation
from flows.binding import RUN_TAG
from flows.keeper import PAUSES, ROUND, Keeper
from flows.worker import POLL
from tenantry.errors import LeaseLost
from tenantry.home import Home
from tenantry.journal import Event, Journal
from tenantry.journal.lease import LIFE
from tests.support.stand import SteppingClock

TENANT = "acme"
PROMISE = 30.0
"""Seconds in which a run whose process or machine died is found, marked and resumed."""
ELSEWHERE = "another-machine|another-boot|1|1"


class Enough(BaseException):
    """The simulation is over."""


@dataclass
class Prefect:
    """What the keeper tells Prefect, and when."""

    clock: SteppingClock
    states: list[tuple[UUID, StateType, datetime]] = field(default_factory=list)
    queue: list[str] = field(default_factory=list)
    """Runs whose flow runs no worker has taken."""

    async def __aenter__(self) -> Prefect:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def api_healthcheck(self) -> None: ...

    async def read_flow_runs(self, *, flow_run_filter: Any, limit: int, offset: int = 0, **_: Any) -> list[Any]:
        if flow_run_filter.state.type.any_ != [StateType.SCHEDULED]:
            return []
        return [SimpleNamespace(id=uuid4(), tags=[RUN_TAG + run]) for run in self.queue[offset : offset + limit]]

    async def set_flow_run_state(self, flow_run: UUID, state: Any, force: bool) -> None:
        self.states.append((flow_run, state.type, self.clock.at))


class Nobody:
    """A worker that carries nothing."""

    busy: frozenset[UUID] = frozenset()
    runs: frozenset[str] = frozenset()

    async def stop(self, flow_run_id: UUID) -> None: ...


@dataclass
class World:
    installation: Installation
    clock: SteppingClock
    prefect: Prefect
    scheduled: list[tuple[str, datetime]] = field(default_factory=list)

    @property
    def journal(self) -> Journal:
        return self.installation.journal

    def created(self, run: str = "run-1") -> str:
        """One that nobody has begun."""
        flow = ("small", "1")
        runbook = {"id": "small", "version": "1", "text": "", "digest": ""}
        created = {"tenant": TENANT, "runbook": runbook, "params": {}, "mode": "run", "subject": "", "requester": {}}
        self.journal.append(TENANT, [Event("run.created", created, run, flow=flow)])
        return run

    def run(self, run: str = "run-1") -> str:
        """One that an attempt began."""
        attempt = {"attempt": 1, "owner": ELSEWHERE, "flow_run_id": str(uuid4())}
        self.journal.append(TENANT, [Event("run.attempt", attempt, self.created(run), attempt=1, flow=("small", "1"))])
        return run

    def owned(self, name: str, owner: str) -> None:
        """A lease that was renewed just now, by a process that will renew it no more."""
        self.journal.acquire(name)
        with self.journal._engine.begin() as db:
            db.exec_driver_sql("UPDATE leases SET owner = ? WHERE run_id = ?", (owner, name))

    def serve(self, keeper: Keeper, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the keeper work for so long, by the clock of the test, or until it takes a run up: what it rests for passes at once."""
        until = self.clock.at + timedelta(seconds=seconds)

        async def rest() -> None:
            self.clock.at += timedelta(seconds=ROUND)
            if self.clock.at > until or self.scheduled:
                raise Enough

        monkeypatch.setattr(keeper, "_rest", rest)
        with pytest.raises(Enough):
            asyncio.run(keeper.serve())

    def events(self, run: str) -> list[str]:
        return [record.event for record in self.journal.records(run)]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with Installation.open(Home(tmp_path / "home")) as installation:
        installation.vault.create_tenant_key(TENANT)
        clock = SteppingClock()
        installation.journal.clock = clock
        made = World(installation, clock, Prefect(clock))

        async def schedule(_: Installation, state: Any, **__: Any) -> UUID:
            made.scheduled.append((state.run_id, clock.at))
            return uuid4()

        async def registered(*_: Any) -> None: ...

        monkeypatch.setattr(keeper_module, "get_client", lambda: made.prefect)
        monkeypatch.setattr(keeper_module.launch, "schedule", schedule)
        monkeypatch.setattr(Keeper, "_keep_registered", registered)
        yield made


def test_after_a_whole_machine_died(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the run, and with the keeper that acted until then: both leases have their whole life before them."""
    run = world.run()
    world.owned(run, ELSEWHERE)
    world.owned("(keeper)", ELSEWHERE)
    died = world.clock.at
    world.serve(Keeper(world.installation, Nobody()), PROMISE, monkeypatch)
    ((found, at),) = world.scheduled
    assert found == run
    assert LIFE <= (at - died).total_seconds() <= LIFE + 2 * ROUND
    assert (at - died).total_seconds() + POLL <= PROMISE  # and a worker that missed the event asks by then
    assert "run.recovered" in world.events(run)
    assert [kind for _, kind, _ in world.prefect.states] == [StateType.CRASHED]


def test_after_its_process_died_here(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the lease of a process that is known to be dead."""
    run = world.run()
    world.owned(run, world.journal._owner.rpartition("|")[0] + "|1")
    died = world.clock.at
    world.serve(Keeper(world.installation, Nobody()), PROMISE, monkeypatch)
    assert [name for name, _ in world.scheduled] == [run]
    assert (world.scheduled[0][1] - died).total_seconds() <= ROUND


def test_one_that_dies_again_and_again_is_taken_up_in_time_each_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = world.run()
    keeper = Keeper(world.installation, Nobody())
    for number in range(1, len(PAUSES) + 1):
        died = world.clock.at
        world.scheduled.clear()
        world.serve(keeper, PROMISE - POLL, monkeypatch)
        assert len(world.scheduled) == 1, f"the {number}th time"
        waited = (world.scheduled[0][1] - died).total_seconds()
        assert PAUSES[number - 1] - ROUND <= waited <= PAUSES[number - 1] + 2 * ROUND <= PROMISE - POLL
        again = {"attempt": number + 1, "owner": ELSEWHERE}
        world.journal.append(TENANT, [Event("run.attempt", again, run, attempt=number + 1, flow=("small", "1"))])
    world.scheduled.clear()
    world.serve(keeper, 2 * PROMISE, monkeypatch)
    assert world.scheduled == []
    assert world.events(run)[-1] == "run.stopped"


def test_it_is_not_counted_while_prefect_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = world.run()

    async def away() -> Exception:
        return ConnectionError("no server")

    monkeypatch.setattr(world.prefect, "api_healthcheck", away)
    world.serve(Keeper(world.installation, Nobody()), 600, monkeypatch)
    assert "run.recovered" not in world.events(run)
    assert world.scheduled == []


def test_one_that_waits_for_a_worker_has_not_died(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a burst of alerts the last wait for minutes."""
    others = [f"other-{number}" for number in range(450)]  # more than Prefect tells at once
    run = world.created()
    world.prefect.queue = [*others, run]
    keeper = Keeper(world.installation, Nobody())
    monkeypatch.setattr(keeper_module, "_QUEUE", 0.0)
    world.serve(keeper, 600, monkeypatch)
    assert world.events(run) == ["run.created"]
    world.prefect.queue = others
    world.serve(keeper, PROMISE, monkeypatch)  # claimed, say, and its worker died
    assert [name for name, _ in world.scheduled] == [run]


def test_one_that_was_taken_up_and_waits_for_a_worker_has_not_died_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = world.run()
    world.prefect.queue = [run]
    keeper = Keeper(world.installation, Nobody())
    world.serve(keeper, PROMISE, monkeypatch)
    world.scheduled.clear()
    world.serve(keeper, 600, monkeypatch)
    assert world.scheduled == []
    assert world.events(run).count("run.recovered") == 1


def test_one_that_slept_while_another_took_over_decides_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Keeper(world.installation, Nobody()), Keeper(world.installation, Nobody())
    assert first._chosen()
    assert not second._chosen()
    world.clock.at += timedelta(seconds=LIFE + 1)
    run = world.run()
    assert second._chosen()
    with pytest.raises(LeaseLost):
        asyncio.run(first._round(world.prefect))  # type: ignore[arg-type]  # as much of a client as it takes
    assert "run.recovered" not in world.events(run)
    assert not first._chosen()
    asyncio.run(second._round(world.prefect))  # type: ignore[arg-type]
    assert world.events(run).count("run.recovered") == 1
    assert len(world.scheduled) == 1


def test_one_that_waits_again_and_was_answered_at_once_goes_on_at_once(world: World) -> None:
    keeper, run = Keeper(world.installation, Nobody()), world.run()
    assert keeper._chosen()
    for attempt in (1, 2):
        begun = {"attempt": attempt, "owner": ELSEWHERE, "flow_run_id": str(uuid4())}
        asked = {"status": "waiting_for_approval", "due": None}
        events = [
            Event("run.attempt", begun, run, None, attempt, None, ("small", "1")),
            Event("run.stopped", asked, run, None, attempt, "waiting_for_approval", ("small", "1")),
            Event("step.arrived", {"item": None, "digest": ""}, run, "asked", attempt),
        ]
        world.journal.append(TENANT, events[attempt == 1 :])  # the first attempt is there
        world.clock.at += timedelta(seconds=5)
        for _ in range(2):  # once, however often it is looked at before it begins
            asyncio.run(keeper._round(world.prefect))  # type: ignore[arg-type]  # as much of a client as it takes
        assert len(world.scheduled) == attempt


async def test_it_rests_no_longer_than_a_round_and_not_at_all_when_somebody_died(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    timeout = asyncio.timeout

    def noted(seconds: float) -> asyncio.Timeout:
        asked.append(seconds)
        return timeout(0)

    monkeypatch.setattr(keeper_module.asyncio, "timeout", noted)
    keeper = Keeper(world.installation, Nobody())
    await keeper._rest()
    assert asked == [ROUND]
    monkeypatch.setattr(keeper_module.asyncio, "timeout", timeout)
    keeper.look()
    async with timeout(60):
        await keeper._rest()


def test_one_that_somebody_settled_since_it_was_looked_up_is_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = world.run()

    async def meanwhile() -> None:
        if "run.stopped" not in world.events(run):
            said = {"status": "interrupted", "why": "its process was ended in Prefect"}
            stopped = Event("run.stopped", said, run, None, 1, "interrupted", ("small", "1"))
            world.journal.append(TENANT, [stopped])

    monkeypatch.setattr(world.prefect, "api_healthcheck", meanwhile)
    world.serve(Keeper(world.installation, Nobody()), PROMISE, monkeypatch)
    assert world.scheduled == []
    assert "run.recovered" not in world.events(run)


def test_a_secret_store_that_does_not_answer_holds_up_no_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper(world.installation, Nobody())
    asked: list[bool] = []

    async def silent() -> list[str]:
        asked.append(True)
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(keeper._rotating, "look", silent)
    rests: list[bool] = []

    async def rest() -> None:
        await asyncio.sleep(0.01)  # whatever is beside has its turn
        rests.append(True)
        if len(rests) == 3:
            world.run()
        if len(rests) > 10 or world.scheduled:
            raise Enough

    monkeypatch.setattr(keeper, "_rest", rest)
    monkeypatch.setattr(keeper_module, "ROUND", 0.001)
    monkeypatch.setattr(keeper_module, "_DUE", 0.001)

    async def served() -> None:
        async with asyncio.timeout(60):
            await keeper.serve()

    with pytest.raises(Enough):
        asyncio.run(served())
    assert asked == [True]
    assert [name for name, _ in world.scheduled] == ["run-1"]


def test_a_broken_estate_file_ends_no_round(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, again and again, and what Prefect shows is looked after all the same."""
    world.installation.home.estate.write_text("rotation: {hour: late}\n", encoding="utf-8")
    keeper = Keeper(world.installation, Nobody())
    looked: list[bool] = []

    async def look_after(_: Any) -> None:
        looked.append(True)

    monkeypatch.setattr(keeper, "_look_after", look_after)
    monkeypatch.setattr(keeper_module, "_PREFECT_ROUND", 0.0)
    world.serve(keeper, 3 * ROUND, monkeypatch)
    assert len(looked) >= 3
