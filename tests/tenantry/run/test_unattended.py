"""A run that an alert started does by itself what was agreed, counted over all runs; beyond that it asks once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tenantry.run import START, RunState, Status, Surroundings
from tenantry.run.unattended import allowed
from tenantry.task import Impact
from tenantry.tenants import Policy
from tenantry.unattended import HOUR, Budget
from tests.support.stand import Stand, SteppingClock
from tests.support.world import World, registry
from tests.tenantry.run.test_engine import book, on
from tests.tenantry.run.test_unproven_start import ASKS, asked


class Place(Stand):
    """With a budget, and a client who agreed to something."""

    policy = Policy(unattended_effects_per_hour=3)
    clock = SteppingClock()
    budget: Budget | None = None

    def around(self) -> Surroundings:
        if self.budget is None:
            self.budget = Budget(self.home, lambda _: self.policy, self.clock.now)
        return replace(super().around(), unattended=self.budget)


@pytest.fixture
def stand(tmp_path: Path) -> Place:
    place = Place(tmp_path / "home", registry())
    place.person("ann", "approver", "engineer")
    return place


def alert(impact: str = "reversible") -> dict[str, object]:
    return {"person": None, "proven": False, "via": "alert", "impact": impact}


def steps(count: int, name: str = "s", uses: str = "world.turn_on") -> str:
    return book(*(f"{{id: {name}{n}, phase: one, uses: {uses}, with: {{name: {name}{n}}}}}" for n in range(count)))


async def run(stand: Stand, world: World, run_id: str = "run-1") -> RunState:
    async with asyncio.timeout(20):
        return await stand.run(run_id, on(world))


def reasons(stand: Stand, run_id: str = "run-1") -> str:
    return next(" ".join(gate.request["reasons"]) for gate in stand.state(run_id).gates.values() if gate.step == START)


async def test_within_what_was_agreed_nobody_is_asked(stand: Place) -> None:
    world = World()
    stand.create(steps(3), requester=alert())
    assert (await run(stand, world)).ended is Status.COMPLETED
    assert len(world.writes) == 3


async def test_the_budget_is_one_for_all_runs(stand: Place) -> None:
    world = World()
    stand.create(steps(2), requester=alert(), run_id="run-1")
    stand.create(steps(4, "t"), requester=alert(), run_id="run-2")
    await run(stand, world)
    state = await run(stand, world, "run-2")
    assert (state.stopped, len(world.writes)) == (Status.WAITING, 3), "two of the first run, one of the second"
    assert "budget of 3 effects" in reasons(stand, "run-2")
    stand.answer("run-2", "ann")
    assert (await run(stand, world, "run-2")).ended is Status.COMPLETED
    assert len(world.writes) == 6
    assert stand.budget is not None
    assert stand.budget.used("acme") == 3, "what a person said is meant uses none of it"


async def test_an_hour_later_there_is_a_new_budget(stand: Place) -> None:
    world = World()
    stand.create(steps(3), requester=alert())
    await run(stand, world)
    stand.clock.at += HOUR + timedelta(seconds=1)
    stand.create(steps(3, "t"), requester=alert(), run_id="run-2")
    assert (await run(stand, world, "run-2")).ended is Status.COMPLETED


@pytest.mark.parametrize("impact", ["none", "read"])
async def test_less_than_reversible_asks_before_the_first_effect(stand: Place, impact: str) -> None:
    world = World()
    stand.policy = Policy(unattended_impact=impact)  # type: ignore[arg-type]
    stand.create(steps(3), requester=alert())
    assert (await run(stand, world)).stopped is Status.WAITING
    assert (asked(stand), world.writes) == ([START], [])


async def test_a_rule_that_allows_less_counts(stand: Place) -> None:
    world = World()
    stand.create(steps(1), requester=alert("read"))
    assert (await run(stand, world)).stopped is Status.WAITING
    assert world.writes == []
    stand.answer("run-1", "ann", "deny")
    assert (await run(stand, world)).stopped is Status.PAUSED
    assert world.writes == []


async def test_a_no_stands_although_something_else_is_approved(stand: Place) -> None:
    world = World()
    stand.policy = Policy(unattended_effects_per_hour=0)
    text = book("{id: a, phase: one, uses: world.turn_on, with: {name: a}}", ASKS)
    stand.create(text, requester=alert())
    await run(stand, world)
    stand.answer("run-1", "ann", "deny", [START])
    stand.answer("run-1", "ann", steps=["asks"])
    await run(stand, world)
    assert world.writes == []


async def test_where_nothing_is_known_of_what_was_agreed_everything_is_asked(tmp_path: Path) -> None:
    stand = Stand(tmp_path / "home", registry())
    world = World()
    stand.create(steps(1), requester=alert())
    assert (await run(stand, world)).stopped is Status.WAITING
    assert world.writes == []


async def test_an_effect_tried_again_counts_once(stand: Place) -> None:
    budget = Budget(stand.home, lambda _: Policy(unattended_effects_per_hour=1), stand.clock.now)
    assert [budget.may("acme", Impact.REVERSIBLE, key) for key in ("a", "a")] == [None, None]
    assert "used up" in (budget.may("acme", Impact.REVERSIBLE, "b") or "")
    assert budget.may("globex", Impact.REVERSIBLE, "b") is None
    budget.close()


def test_nothing_beyond_reversible_is_ever_by_itself() -> None:
    for most in ("none", "read", "reversible", "disruptive", "anything"):
        assert not allowed(Impact.DISRUPTIVE, most)
        assert not allowed(Impact.IRREVERSIBLE, most)
    assert allowed(Impact.REVERSIBLE, "reversible")
    assert not allowed(Impact.REVERSIBLE, "read")
