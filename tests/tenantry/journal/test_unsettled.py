"""Which runs may need somebody, from the rows beside the record."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from tenantry.clock import rfc3339
from tenantry.journal import Event, Journal, schema
from tests.tenantry.journal.support import sql

PAST = "2020-01-01T00:00:00.000000Z"
FUTURE = "2090-01-01T00:00:00.000000Z"


def say(journal: Journal, run: str, *events: tuple[str, str | None, dict[str, object]]) -> None:
    for name, outcome, payload in events:
        journal.append("acme", [Event(name, payload, run, outcome=outcome, flow=("small", "1"))])


CREATED = ("run.created", None, {})
ATTEMPT = ("run.attempt", None, {})


def stopped(status: str, due: str | None = None) -> tuple[str, str | None, dict[str, object]]:
    return "run.stopped", status, {"due": due}


def test_only_those_that_nobody_may_be_carrying(journal: Journal) -> None:
    say(journal, "new", CREATED)
    say(journal, "running", CREATED, ATTEMPT)
    say(journal, "paused", CREATED, ATTEMPT, stopped("paused_by_failed_step"))
    say(journal, "given-up", CREATED, ATTEMPT, stopped("interrupted"))
    say(journal, "waits", CREATED, ATTEMPT, stopped("waiting_for_approval", FUTURE))
    say(journal, "expired", CREATED, ATTEMPT, stopped("waiting_for_approval", PAST))
    say(journal, "done", CREATED, ATTEMPT, ("run.ended", "completed", {}))
    found = {run.run_id: run for run in journal.unsettled()}
    assert set(found) == {"new", "running", "expired"}
    assert found["new"].standing == "created"
    assert found["expired"].overdue is not None
    assert found["expired"].overdue > 0
    assert not any(run.live for run in found.values())
    assert {index.run_id for index in journal.runs() if index.ended} == {"done"}


def test_an_answer_makes_a_waiting_run_due_and_a_new_attempt_makes_it_running(journal: Journal) -> None:
    say(journal, "waits", CREATED, ATTEMPT, stopped("waiting_for_approval", FUTURE))
    assert journal.unsettled() == []
    say(journal, "waits", ("approval.decided", None, {"decision": "approve"}))
    (due,) = journal.unsettled()
    assert due.overdue is not None
    say(journal, "waits", ATTEMPT)
    (running,) = journal.unsettled()
    assert (running.standing, running.overdue) == ("running", None)
    # An answer to a run that is being carried is its owner's to find.
    say(journal, "waits", ("approval.decided", None, {"decision": "approve"}))
    assert journal.unsettled()[0].overdue is None


def test_a_run_that_is_owned_is_alive(journal: Journal) -> None:
    say(journal, "running", CREATED, ATTEMPT)
    fence = journal.acquire("running").fence
    assert journal.unsettled()[0].live
    journal.release(fence)
    assert not journal.unsettled()[0].live


def test_a_standing_that_was_altered_is_found(journal: Journal, path: Path) -> None:
    """Whoever writes to the database cannot hide a run from recovery unnoticed."""
    say(journal, "running", CREATED, ATTEMPT)
    assert journal.verify().ok
    sql(path, "UPDATE runs SET standing = 'completed'")
    assert not journal.verify().ok


def test_rows_of_runs_say_when(journal: Journal) -> None:
    say(journal, "new", CREATED)
    (run,) = journal.unsettled()
    with journal._engine.connect() as db:
        assert rfc3339(run.created_at) == db.execute(sa.select(schema.runs.c.created_at)).scalar()
