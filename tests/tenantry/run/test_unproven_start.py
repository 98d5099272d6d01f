"""A run that came in through Prefect, where nobody proves who they are: one question before its first effect."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tenantry.run import START, RunState, Status
from tests.support.stand import Stand
from tests.support.world import World, registry
from tests.tenantry.run.test_engine import A, B, book, on

PREFECT = {"person": None, "proven": False, "via": "prefect"}
ASKS = "{id: asks, phase: one, uses: world.turn_on, with: {name: c}, approve: {role: approver, expires_in: 1h}}"
LATER = "{id: later, phase: one, uses: world.turn_on, with: {name: d}, needs: [asks], approve: {role: approver, expires_in: 1h}}"


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    stand = Stand(tmp_path / "home", registry())
    stand.person("ann", "approver", "engineer")
    return stand


async def run(stand: Stand, world: World) -> RunState:
    async with asyncio.timeout(20):  # one that never ends is what is looked for
        return await stand.run("run-1", on(world))


def asked(stand: Stand) -> list[str]:
    return sorted(gate.step for gate in stand.state().open_gates())


def requests(stand: Stand, step: str) -> int:
    return [(r.event, r.step) for r in stand.journal.records("run-1")].count(("approval.requested", step))


async def test_many_steps_ask_once(stand: Stand) -> None:
    world = World()
    steps = [f"{{id: s{n}, phase: one, uses: world.turn_on, with: {{name: s{n}}}}}" for n in range(5)]
    stand.create(book(*steps), requester=PREFECT)
    assert (await run(stand, world)).stopped is Status.WAITING
    assert (asked(stand), requests(stand, START), world.writes) == ([START], 1, [])
    stand.answer("run-1", "ann")
    assert (await run(stand, world)).ended is Status.COMPLETED
    assert len(world.writes) == 5


async def test_a_no_ends_it_whatever_else_is_approved(stand: Stand) -> None:
    world = World()
    stand.create(book(A, ASKS), requester=PREFECT)
    await run(stand, world)
    stand.answer("run-1", "ann", steps=["asks"])
    stand.answer("run-1", "ann", "deny", [START])
    state = await run(stand, world)
    assert (state.stopped, world.writes) == (Status.PAUSED, [])
    errors: dict[str, Any] = {step["id"]: step["error"]["code"] for step in stand.view()["steps"]}
    assert errors == {"a": "approval_denied", "asks": "approval_denied"}


async def test_another_approval_vouches_and_the_question_goes(stand: Stand) -> None:
    world = World()
    stand.create(book(A, B, ASKS), requester=PREFECT)
    await run(stand, world)
    assert asked(stand) == ["asks", START]
    stand.answer("run-1", "ann", steps=["asks"])
    state = await run(stand, world)
    assert state.ended is Status.COMPLETED
    assert state.open_gates() == []


async def test_both_answered_while_a_third_is_waited_for(stand: Stand) -> None:
    """Nothing is executed over and over because one of the answers is of no more use."""
    world = World()
    stand.create(book(ASKS, LATER), requester=PREFECT)
    await run(stand, world)
    stand.answer("run-1", "ann")
    state = await run(stand, world)
    assert (state.stopped, asked(stand)) == (Status.WAITING, ["later"])
    stand.answer("run-1", "ann")
    assert (await run(stand, world)).ended is Status.COMPLETED
    assert world.writes == [("c", "on"), ("d", "on")]
