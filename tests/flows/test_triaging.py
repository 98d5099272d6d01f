"""Incidents find their people, clocks start, stop and are told of once, without Prefect; and whatever dies in between, once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from flows.triaging import RUNBOOK, Triaging, run_id_of
from tenantry.clock import SystemClock
from tenantry.errors import RecordError
from tenantry.home import Home
from tenantry.journal import Event
from tenantry.triage.book import Book
from tenantry.triage.queue import queue
from tests.flows.test_alerting import ESTATE, TENANT
from tests.flows.test_alerting import Place as Alerts
from tests.flows.test_sweep_schedule import Scheduled

TRIAGE = """\
triage:
  people:
    ann.lee: {skills: [{name: mail}]}
    sam.eng: {skills: [{name: mail, certification: X, expires_on: 2020-01-01}]}
    off.duty: {duty: []}
"""
SLA = "agreement: {sla: {high: {acknowledge_minutes: 20, contain_minutes: 60, resolve_minutes: 240}}}\n"


class Later(SystemClock):
    """This machine's clock, set forward."""

    by = timedelta(0)

    def now(self):  # as its parent's
        return super().now() + self.by


class Place(Alerts):
    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self.clock = self.installation.journal.clock = Later()
        for person in ("ann.lee", "sam.eng"):
            self.installation.people.add(person, person, ["engineer"], ["acme"])
        self.installation.people.add("off.duty", "o", ["engineer"], ["globex"])
        home.estate.write_text(ESTATE + TRIAGE, encoding="utf-8")
        (home.tenants / "acme.yaml").write_text(TENANT + SLA, encoding="utf-8")
        self.book = Book(self.store)
        self.scheduled = Scheduled()

    def triaging(self) -> Triaging:
        return Triaging(self.installation, self.scheduled)

    async def incidents(self, *accounts: str) -> None:
        self.accept(*accounts)
        await self.work(self.alerting())

    def events(self) -> list[tuple[str | None, str]]:
        found = self.installation.journal.of("acme", "incident.assigned")
        return [(one.data["to"], one.data["why"]) for one in found]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(Home(tmp_path / "home").ensure())
    yield made
    made.store.close()
    made.installation.close()


async def test_in_turn_and_the_record_says_who_and_why(place: Place) -> None:
    await place.incidents("a@acme.example", "b@acme.example", "c@acme.example")
    await place.triaging().look()
    assert sorted(str(one.person) for one in place.store.incidents()) == ["ann.lee", "ann.lee", "sam.eng"]
    assert [who for who, _ in place.events()] == ["ann.lee", "sam.eng", "ann.lee"]
    assert {why for _, why in place.events()} == {"round robin among 2"}
    await place.triaging().look()
    assert len(place.events()) == 3


async def test_rules_skills_and_their_end(place: Place) -> None:
    rules = "  rules: [{id: mailbox, when: {entity: account}, skills: [mail]}]\n"
    place.home.estate.write_text(ESTATE + TRIAGE + rules, encoding="utf-8")
    await place.incidents("a@acme.example", "b@acme.example")
    await place.triaging().look()
    assert place.events() == [("ann.lee", "round robin among 1, who must have mail (rule mailbox)")] * 2


async def test_what_nobody_can_take_waits_and_says_why_once(place: Place) -> None:
    rules = "  rules: [{id: mailbox, skills: [forensics]}]\n"
    place.home.estate.write_text(ESTATE + TRIAGE + rules, encoding="utf-8")
    await place.incidents("a@acme.example")
    triaging = place.triaging()
    await triaging.look()
    await triaging.look()
    assert place.events() == [(None, "nobody on duty has forensics (rule mailbox)")]
    (line, nobodys) = queue(place.store.incidents(), place.clock.now())
    assert (line.of, line.number, nobodys.of) == ("acme", 1, "nobody yet")


async def test_killed_before_the_record_was_told_it_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await place.incidents("a@acme.example")

    def dies(*_: object) -> None:
        raise RecordError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(place.installation.journal, "append", dies)
        with pytest.raises(RecordError):
            await place.triaging().look()
    assert place.events() == []
    await place.triaging().look()
    assert [who for who, _ in place.events()] == ["ann.lee"]


async def test_a_clock_is_told_of_before_and_at_breach_once_each(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await place.incidents("a@acme.example")
    (incident,) = place.store.incidents()
    triaging = place.triaging()
    assert await triaging.look() == []
    place.clock.by = timedelta(minutes=16)

    def dies(*_: object) -> None:
        raise RecordError("killed")

    with monkeypatch.context() as patched:  # after the run was recorded, before that was noted
        patched.setattr(Book, "told", dies)
        with pytest.raises(RecordError):
            await triaging.look()
    warned = run_id_of(incident.id, "acknowledge", "warned")
    assert place.installation.state(warned).params["level"] == "warned"
    assert await place.triaging().look() == [], "the keeper carries on what was recorded"
    place.clock.by = timedelta(minutes=21)
    assert await triaging.look() == [run_id_of(incident.id, "acknowledge", "breached")]
    assert await triaging.look() == []
    (state,) = place.scheduled.runs
    assert (state.runbook, state.params["clock"], state.params["owner"]) == (RUNBOOK, "acknowledge", "ann.lee")


async def test_who_acts_acknowledges_and_nothing_is_told(place: Place) -> None:
    await place.incidents("a@acme.example")
    (incident,) = place.store.incidents()
    triaging = place.triaging()
    await triaging.look()
    place.book.assign(incident.id, "sam.eng", "sam.eng", place.clock.now())
    place.clock.by = timedelta(minutes=30)
    assert await triaging.look() == []
    stopped = {one.clock.name: one.clock.stopped_at is not None for one in place.book.clocks(incident.id)}
    assert stopped == {"acknowledge": True, "contain": False, "resolve": False}
    place.clock.by = timedelta(minutes=61)
    assert await triaging.look() == [run_id_of(incident.id, "contain", "breached")]


async def test_clocks_stand_in_the_run_and_stop_by_its_record(place: Place) -> None:
    await place.incidents("a@acme.example")
    (incident,) = place.store.incidents()
    assert incident.run_id is not None
    triaging = place.triaging()
    await triaging.look()
    view = await asyncio.to_thread(place.installation.view, incident.run_id)
    assert [(one["name"], one["stopped_at"]) for one in view["clocks"]] == [
        ("sla acknowledge", None),
        ("sla contain", None),
        ("sla resolve", None),
    ]
    state = place.installation.state(incident.run_id)
    journal = place.installation.journal
    flow = (state.runbook, state.version)
    journal.append("acme", [Event("run.ended", {"status": "completed"}, state.run_id, None, 0, "completed", flow)])
    place.clock.by = timedelta(seconds=20)
    await triaging.look()
    view = await asyncio.to_thread(place.installation.view, incident.run_id)
    assert [one["stopped_at"] is not None for one in view["clocks"]] == [False, False, True]


def test_a_file_of_the_version_before_is_given_the_new_tables(place: Place) -> None:
    with sqlite3.connect(place.home.alerts_db) as db:
        for table in ("assignments", "sla", "cursors"):
            db.execute(f"DROP TABLE {table}")
        db.execute("PRAGMA user_version=1")
    triaging = place.triaging()
    assert triaging._book.nobodys() == []
    triaging._store.close()
