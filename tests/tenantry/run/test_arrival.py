"""A run that waits for credentials: it goes on when they are there, whoever is faster, and ends as its runbook says when not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tasks.vault.expect_credentials import ExpectCredentials
from tenantry.decisions import approval_purpose, decide
from tenantry.discovery import TaskRegistry
from tenantry.errors import Conflict
from tenantry.journal import Event
from tenantry.people import Authenticated
from tenantry.run import RunState, Status
from tenantry.run.engine import Session
from tests.support.stand import Access, Stand
from tests.support.world import TurnOn, World

BOOK = """\
id: connect
version: "1"
title: Connect
kind: onboarding
phases: [one, two]
params: {}
steps:
  - id: credentials
    phase: one
    uses: vault.expect_credentials
    on_failure: FAILURE
    with:
      contact: jo
      expires_in: 2h
      expect: [{name: m365/secret, title: Secret of the app}]
  - {id: use, phase: two, uses: world.turn_on, needs: [credentials], with: {name: used}}
  - {id: other, phase: one, uses: world.turn_on, with: {name: other}}
"""

APPROVED = """\
id: approved
version: "1"
title: Approved
kind: onboarding
phases: [one]
params: {}
steps:
  - {id: credentials, phase: one, uses: world.turn_on, with: {name: used}, approve: {role: approver}}
"""


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    stand = Stand(tmp_path / "home", TaskRegistry.of(ExpectCredentials, TurnOn))
    stand.person("ann", "approver", "engineer")
    stand.create(BOOK.replace("FAILURE", "stop"))
    return stand


def arrive(stand: Stand, digest: str | None = None) -> None:
    """As the broker records it."""
    state = stand.state()
    [gate] = [gate for gate in state.gates.values() if gate.step == "credentials"]
    payload = {
        "item": None,
        "digest": digest or gate.digest,
        "by": "contact jo",
        "drop": "d1",
        "names": ["m365/secret"],
    }
    event = Event("step.arrived", payload, "run-1", "credentials", state.attempt, flow=(state.runbook, state.version))
    stand.journal.append("acme", [event])


def on(world: World) -> Access:
    return Access(capabilities={"identity": world})


async def waiting(stand: Stand, world: World) -> RunState:
    state = await stand.run("run-1", on(world))
    assert state.stopped is Status.WAITING
    assert stand.outcomes() == {"credentials": None, "use": None, "other": "changed"}
    return state


async def test_it_waits_and_goes_on_when_the_last_one_is_there(stand: Stand) -> None:
    world = World()
    await waiting(stand, world)
    [asked] = stand.view()["waiting_for"]
    assert asked["kind"] == "answer"
    assert "Secret of the app" in asked["question"]
    assert [run.run_id for run in stand.journal.unsettled()] == []
    arrive(stand)
    [found] = stand.journal.unsettled()  # what the keeper takes up
    assert (found.run_id, found.standing) == ("run-1", "waiting_for_approval")
    state = await stand.run("run-1", on(world))
    assert state.ended is Status.COMPLETED
    assert world.switches["used"] == "on"
    output = state.item("credentials", None).output
    assert (output["answer"], output["by"]) == ("received", "contact jo")
    assert not state.vouched  # a client's contact vouches for no run
    assert stand.journal.verify().ok


async def test_an_arrival_for_another_question_counts_for_nothing(stand: Stand) -> None:
    world = World()
    await waiting(stand, world)
    arrive(stand, "0" * 64)
    assert (await stand.run("run-1", on(world))).stopped is Status.WAITING
    assert "used" not in world.switches


async def test_an_arrival_approves_nothing(tmp_path: Path) -> None:
    stand = Stand(tmp_path / "home", TaskRegistry.of(TurnOn))
    stand.person("ann", "approver", "engineer")
    stand.create(APPROVED)
    world = World()
    assert (await stand.run("run-1", on(world))).stopped is Status.WAITING
    arrive(stand)
    assert (await stand.run("run-1", on(world))).stopped is Status.WAITING
    assert "used" not in world.switches


async def test_what_arrives_while_other_steps_run_is_noticed_at_once(stand: Stand) -> None:
    world = World()
    world.trouble = lambda kind, name: arrive(stand) if (kind, name) == ("before", "other") else None
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED


async def test_what_arrives_just_before_the_run_rests_wakes_it(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    record = Session.record
    done: list[bool] = []

    async def late(session: Session, *events: Event) -> None:
        if events[0].event == "run.stopped" and not done:
            done.append(True)
            arrive(stand)  # after the engine's last look, before it says that it waits
        await record(session, *events)

    monkeypatch.setattr(Session, "record", late)
    assert (await stand.run("run-1", on(world))).stopped is Status.WAITING
    assert done
    [found] = stand.journal.unsettled()
    assert found.overdue is not None
    assert (await stand.run("run-1", on(world))).ended is Status.COMPLETED


async def test_somebody_says_that_they_are_not_to_be_had(stand: Stand) -> None:
    world = World()
    await waiting(stand, world)
    stand.answer("run-1", "ann", "deny", reason="they left")
    assert (await stand.run("run-1", on(world))).stopped is Status.PAUSED
    assert stand.outcomes()["credentials"] == "failed"
    assert "used" not in world.switches


async def test_stored_in_another_way_an_engineer_says_so(stand: Stand) -> None:
    world = World()
    await waiting(stand, world)
    stand.answer("run-1", "ann", "approve", reason="came by courier")
    state = await stand.run("run-1", on(world))
    assert state.ended is Status.COMPLETED
    assert state.item("credentials", None).output["by"] == "ann"


async def test_arrived_there_is_nothing_to_answer_any_more(stand: Stand) -> None:
    await waiting(stand, World())
    arrive(stand)
    assert stand.state().open_gates() == []
    [gate] = [gate for gate in stand.state().gates.values() if gate.step == "credentials"]
    now, purpose = stand.journal.clock.now(), approval_purpose("run-1")
    proof = Authenticated(stand.people.get("ann"), now, "totp", purpose, "acme")
    with pytest.raises(Conflict):
        decide(stand.journal, stand.people, stand.state(), gate, proof, "deny")


@pytest.mark.parametrize(("on_failure", "ends"), [("stop", Status.PAUSED), ("continue", Status.EXCEPTIONS)])
async def test_when_nothing_comes_it_ends_as_its_runbook_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_failure: str, ends: Status
) -> None:
    stand = Stand(tmp_path / "home", TaskRegistry.of(ExpectCredentials, TurnOn))
    stand.create(BOOK.replace("FAILURE", on_failure))
    world = World()
    await waiting(stand, world)
    now = stand.journal.clock.now
    monkeypatch.setattr(stand.journal.clock, "now", lambda: now() + timedelta(hours=3))
    state = await stand.run("run-1", on(world))
    assert (state.ended or state.stopped) is ends
    assert stand.view()["steps"][0]["error"]["code"] == "approval_expired"


async def test_a_plan_asks_nobody(tmp_path: Path) -> None:
    stand = Stand(tmp_path / "home", TaskRegistry.of(ExpectCredentials, TurnOn))
    stand.create(BOOK.replace("FAILURE", "stop"), mode="plan")
    assert (await stand.run("run-1", on(World()))).ended is Status.PLANNED
