"""A question has an owner, reminders and an end: each reminder once, the latest of those missed, and what silence means."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.human.do import Do
from tasks.vault.expect_credentials import NOBODY, ExpectCredentials
from tenantry.discovery import TaskRegistry
from tenantry.errors import Unreachable
from tenantry.journal import Event
from tenantry.run import Engine, RunState, Status, Surroundings
from tenantry.run.engine import Session
from tests.support.stand import QUICK, Access, Stand
from tests.support.world import TurnOn, World

BOOK = """\
id: connect
version: "1"
title: Connect
kind: onboarding
phases: [one]
steps:
  - id: credentials
    phase: one
    uses: vault.expect_credentials
    with:
      contact: jo
      expires_in: 7d
      remind_after: [4d, 2d, 9d]
      needed: NEEDED
      expect: [{name: m365/secret}]
  - {id: use, phase: one, uses: world.turn_on, needs: [credentials], with: {name: used}}
"""


class Desk:
    """A run whose question is looked at as time goes by."""

    def __init__(self, folder: Path, needed: bool = True, mode: str = "run") -> None:
        self.stand = Stand(folder / "home", TaskRegistry.of(ExpectCredentials, Do, TurnOn))
        self.stand.person("ann", "approver", "engineer")
        self.stand.create(BOOK.replace("NEEDED", str(needed).lower()), mode=mode)
        self.reminded: list[tuple[str, int]] = []
        self.trouble: Exception | None = None
        self.world = World()
        self._now = self.stand.journal.clock.now
        self.past = timedelta()
        self.stand.journal.clock.now = lambda: self._now() + self.past  # type: ignore[method-assign]  # the test's hand

    async def remind(self, state: RunState, gate: Any, number: int) -> None:
        self.reminded.append((gate.request["owner"], number))
        if self.trouble is not None:
            raise self.trouble

    async def look(self, **later: float) -> RunState:
        self.past = timedelta(**later)
        plain = self.stand.around()
        around = Surroundings(
            plain.journal,
            plain.registry,
            plain.people,
            plain.evidence,
            self.stand.journal.clock.now,
            remind=self.remind,
        )
        access = Access(capabilities={"identity": self.world})
        return await Engine(around, access, policy=QUICK).run("run-1")

    def due(self) -> str:
        stopped = [one for one in self.stand.journal.records("run-1") if one.event == "run.stopped"]
        return str(stopped[-1].data["due"])[:10]


async def test_each_reminder_is_sent_once_when_it_is_due(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    state = await desk.look()
    [waiting] = desk.stand.view()["waiting_for"]
    assert (waiting["owner"], len(waiting["reminders"]), waiting["reminded"]) == ("contact jo", 2, 0)
    assert desk.due() == waiting["reminders"][0][:10]
    await desk.look(days=1)
    assert desk.reminded == []
    await desk.look(days=2, hours=1)
    await desk.look(days=2, hours=2)
    assert desk.reminded == [("contact jo", 1)]
    assert desk.due() == waiting["reminders"][1][:10]
    state = await desk.look(days=4, hours=1)
    assert desk.reminded == [("contact jo", 1), ("contact jo", 2)]
    assert desk.due() == waiting["expires_at"][:10]
    assert state.stopped is Status.WAITING
    assert desk.stand.view()["waiting_for"][0]["reminded"] == 2
    assert desk.stand.journal.verify().ok


async def test_of_those_missed_only_the_latest_is_sent(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.look()
    await desk.look(days=5)
    assert desk.reminded == [("contact jo", 2)]


async def test_a_reminder_that_cannot_be_sent_is_said_and_keeps_nothing_waiting(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.look()
    desk.trouble = Unreachable("the mail server does not answer")
    assert (await desk.look(days=3)).stopped is Status.WAITING
    [said] = [one.data for one in desk.stand.journal.records("run-1") if one.event == "approval.reminded"]
    assert said["error"]["code"] == "unreachable"


async def test_silence_ends_the_wait_and_the_run_goes_on_where_it_may(tmp_path: Path) -> None:
    desk = Desk(tmp_path, needed=False)
    await desk.look()
    state = await desk.look(days=8)
    assert state.ended is Status.COMPLETED
    output = state.item("credentials", None).output
    assert (output["answer"], output["by"]) == (NOBODY, "nobody")
    assert desk.world.switches["used"] == "on"


async def test_killed_between_the_end_and_its_outcome_nobody_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, needed=False)
    await desk.look()
    record = Session.record

    class Killed(BaseException):
        pass

    async def dying(session: Session, *events: Event) -> None:
        if any(one.event == "step.outcome" for one in events):
            raise Killed
        await record(session, *events)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "record", dying)
        with pytest.raises(Killed):
            await desk.look(days=8)
    state = await desk.look(days=8)
    assert state.ended is Status.COMPLETED
    assert len([one for one in desk.stand.journal.records("run-1") if one.event == "approval.requested"]) == 1


async def test_where_they_are_needed_silence_fails_and_the_next_attempt_asks_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.look()
    assert (await desk.look(days=8)).stopped is Status.PAUSED
    assert (await desk.look(days=8, hours=1)).stopped is Status.WAITING
    assert "used" not in desk.world.switches


@pytest.mark.parametrize(("needed", "ends"), [(True, Status.PAUSED), (False, Status.COMPLETED)])
async def test_not_to_be_had(tmp_path: Path, needed: bool, ends: Status) -> None:
    desk = Desk(tmp_path, needed=needed)
    await desk.look()
    desk.stand.answer("run-1", "ann", "deny", reason="they left")
    state = await desk.look()
    assert (state.ended or state.stopped) is ends


async def test_what_could_not_be_done_is_asked_again_when_the_run_is_resumed(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.look()
    desk.stand.answer("run-1", "ann", "deny", reason="their administrator is away")
    assert (await desk.look()).stopped is Status.PAUSED
    assert (await desk.look()).stopped is Status.WAITING
    desk.stand.answer("run-1", "ann", "approve", reason="came by courier")
    assert (await desk.look()).ended is Status.COMPLETED


async def test_a_plan_reminds_nobody(tmp_path: Path) -> None:
    desk = Desk(tmp_path, mode="plan")
    await desk.look()
    assert desk.reminded == []


async def test_how_far_a_run_is(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.look()
    assert desk.stand.view()["progress"] == {"done": 0, "of": 2, "percent": 0}
    desk.stand.answer("run-1", "ann", "approve")
    await desk.look()
    assert desk.stand.view()["progress"] == {"done": 2, "of": 2, "percent": 100}
