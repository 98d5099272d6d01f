"""A step that fails and asks: tried again, done by hand, or left out; and nobody who answered waits for other steps."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tenantry.errors import InvalidInput, InvalidRunbook, OutOfScope, PermissionMissing
from tenantry.run import Status
from tenantry.runbook import parse_runbook
from tests.support.stand import QUICK, Access, Stand
from tests.support.world import World, registry
from tests.tenantry.run.test_engine import book

ASKS = "{id: a, phase: one, uses: world.turn_on, with: {name: a}, on_failure: ask, by_hand: Turn it on at the wall.}"
B = "{id: b, phase: two, uses: world.turn_on, needs: [a], with: {name: b}}"
C = "{id: c, phase: one, uses: world.turn_on, with: {name: c}}"


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    stand = Stand(tmp_path / "home", registry())
    stand.person("ann", "approver", "engineer")
    stand.person("bob", "engineer")
    return stand


def broken(*names: str) -> World:
    world = World()

    def trouble(kind: str, name: str) -> None:
        if kind == "before" and name in names:
            raise PermissionMissing("no right to write")

    world.trouble = trouble
    return world


def on(world: World) -> Access:
    return Access(capabilities={"identity": world})


async def test_asks_and_goes_on_with_what_does_not_need_it(stand: Stand) -> None:
    world = broken("a")
    stand.create(book(ASKS, B, C))
    state = await stand.run("run-1", on(world))
    assert state.stopped is Status.WAITING
    assert stand.outcomes() == {"a": "failed", "b": None, "c": "changed"}
    (asked,) = stand.view()["waiting_for"]
    assert asked["kind"] == "failure"
    assert "Turn it on at the wall." in asked["question"]
    assert asked["reasons"] == ["no right to write"]
    # Carried on without an answer nothing is tried again.
    await stand.run("run-1", on(world))
    assert next(one for one in stand.view()["steps"] if one["id"] == "a")["attempts"] == 1


async def test_approved_it_is_tried_again_and_asks_again_when_that_fails(stand: Stand) -> None:
    world = broken("a")
    stand.create(book(ASKS, B))
    await stand.run("run-1", on(world))
    stand.answer("run-1", "ann")
    assert (await stand.run("run-1", on(world))).stopped is Status.WAITING
    assert len(stand.view()["waiting_for"]) == 1
    world.trouble = lambda _k, _n: None
    stand.answer("run-1", "ann")
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED
    assert world.writes == [("a", "on"), ("b", "on")]


async def test_left_out_with_a_reason_and_what_needs_it_goes_on(stand: Stand) -> None:
    world = broken("a")
    stand.create(book(ASKS, B))
    await stand.run("run-1", on(world))
    with pytest.raises(InvalidInput, match="say why"):
        stand.answer("run-1", "ann", "deny")
    stand.answer("run-1", "ann", "deny", reason="the lamp is gone")
    state = await stand.run("run-1", on(world))
    assert state.ended is Status.EXCEPTIONS
    step = stand.view()["steps"][0]
    assert step["decided"] == {"choice": "left_out", "by": "ann", "reason": "the lamp is gone"}
    assert step["outcome"] == "skipped"
    assert world.writes == [("b", "on")]


async def test_done_by_hand_is_never_called_changed(stand: Stand) -> None:
    world = broken("a")
    stand.create(book(ASKS, B))
    await stand.run("run-1", on(world))
    with pytest.raises(InvalidInput, match="say why"):
        stand.answer("run-1", "ann", by_hand=True)
    stand.answer("run-1", "ann", reason="turned at the wall", by_hand=True)
    assert (await stand.run("run-1", on(world))).ended is Status.EXCEPTIONS
    assert stand.outcomes() == {"a": "skipped", "b": "changed"}


async def test_a_look_that_failed_is_done_by_nobody(stand: Stand) -> None:
    world = World()

    def trouble(kind: str, name: str) -> None:
        if name == "*":
            raise PermissionMissing("no right to read")

    world.trouble = trouble
    stand.create(book("{id: look, phase: one, uses: world.list_switches, on_failure: ask}"))
    await stand.run("run-1", on(world))
    with pytest.raises(InvalidInput, match="done by hand"):
        stand.answer("run-1", "ann", reason="looked myself", by_hand=True)
    stand.answer("run-1", "ann", "deny", reason="nothing to see")
    assert (await stand.run("run-1", on(world))).ended is Status.EXCEPTIONS


async def test_an_answer_is_taken_up_while_other_steps_work(stand: Stand) -> None:
    """`slow` ends only after what was left out has let `b` go on."""
    world, freed = broken("a"), asyncio.Event()
    plain = world.trouble

    async def slow() -> None:
        await asyncio.wait_for(freed.wait(), 60)

    def trouble(kind: str, name: str) -> Any:
        if (kind, name) == ("read", "*"):
            return slow()
        if (kind, name) == ("after", "b"):
            freed.set()
        return plain(kind, name)

    world.trouble = trouble
    stand.create(book(ASKS, B, "{id: slow, phase: one, uses: world.list_switches, timeout: 2m}"))
    # The lease's renewal is what looks for answers.
    running = asyncio.create_task(stand.run("run-1", on(world), QUICK))
    while not stand.state().open_gates():  # noqa: ASYNC110 - the record has no event to wait for
        await asyncio.sleep(0.01)
    stand.answer("run-1", "ann", "deny", reason="without it")
    state = await running
    assert stand.outcomes()["slow"] == "observed", "it was waited for until its time was over"
    assert state.ended is Status.EXCEPTIONS
    assert state.attempt == 1


async def test_only_whom_the_question_names_may_answer(stand: Stand) -> None:
    from datetime import timedelta

    from tenantry.run.questions import Questions, Waiting

    stand.create(book(C))
    engine = stand.engine(on(World()))
    async with engine.owned("run-1") as session:
        asks: Questions = session.items.questions
        with pytest.raises(Waiting):
            await asks.ask(
                "c",
                None,
                {},
                role="engineer",
                expires_in=timedelta(hours=1),
                four_eyes=False,
                reasons=[],
                question="?",
                only=("bob",),
            )
    with pytest.raises(OutOfScope, match="ann may not answer"):
        stand.answer("run-1", "ann")
    assert stand.view()["waiting_for"][0]["only"] == ["bob"]
    assert stand.answer("run-1", "bob") == 1


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{id: a, phase: one, uses: world.turn_on, with: {name: a}, by_hand: x}", "belongs to `on_failure: ask`"),
        ("{id: a, phase: one, uses: world.ask, with: {question: q}, on_failure: ask}", "asks a person already"),
        ("{id: a, phase: one, uses: world.list_switches, on_failure: ask, by_hand: x}", "nobody can do that"),
    ],
)
def test_refused_at_load(step: str, said: str) -> None:
    with pytest.raises(InvalidRunbook, match=said):
        parse_runbook(book(step), "test.yaml", registry())
