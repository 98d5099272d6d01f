from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tenantry.errors import RecordError
from tenantry.journal import Event, Journal, schema
from tests.tenantry.journal.support import Child, as_of, event, key, sql, together, url_of


def test_an_empty_file_becomes_a_journal(path: Path) -> None:
    path.touch()
    journal = Journal(url_of(path), key)
    journal.append("acme", [event()])
    assert journal.verify().entries == 1
    journal.close()


def test_migrations_make_exactly_the_schema_that_the_code_uses(journal: Journal) -> None:
    with journal._engine.connect() as db:
        context = MigrationContext.configure(db, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        assert context.get_current_revision() == schema.HEAD


def test_the_head_in_the_code_is_that_of_the_migrations() -> None:
    """Else a journal would be opened without its newest migration."""
    migrations = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))
    assert migrations.get_heads() == [schema.HEAD]


def test_opening_again_changes_nothing(path: Path) -> None:
    journal = Journal(url_of(path), key)
    journal.append("acme", [event()])
    journal.close()
    before = sql(path, "SELECT * FROM sqlite_master ORDER BY name"), sql(path, "SELECT * FROM entries")
    for _ in range(3):
        Journal(url_of(path), key).close()
    assert (sql(path, "SELECT * FROM sqlite_master ORDER BY name"), sql(path, "SELECT * FROM entries")) == before


def test_a_journal_of_this_release_is_opened_without_alembic(path: Path) -> None:
    Journal(url_of(path), key).close()

    def again() -> None:
        for name in [name for name in sys.modules if name.split(".")[0] == "alembic"]:
            sys.modules[name] = None  # type: ignore[assignment]  # importing it fails from now on
        Journal(url_of(path), key).close()

    assert Child(again).wait() == 0


def _open(path: Path) -> None:
    journal = Journal(url_of(path), key)
    journal.append("acme", [event()])
    journal.close()


def test_several_first_starts_at_once_make_one_schema(path: Path) -> None:
    assert together(*[partial(_open, path)] * 6) == [0] * 6
    journal = Journal(url_of(path), key)
    assert journal.verify().entries == 6
    assert sql(path, "SELECT * FROM alembic_version") == [(schema.HEAD,)]
    journal.close()


def test_a_journal_of_a_newer_release_is_left_alone(path: Path) -> None:
    Journal(url_of(path), key).close()
    sql(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(RecordError, match="does not know") as caught:
        Journal(url_of(path), key)
    assert "Upgrade" in caught.value.remedy
    assert sql(path, "SELECT * FROM alembic_version") == [("9999",)]


def test_a_first_start_waits_for_another_that_is_at_it(path: Path) -> None:
    """The change to a write-ahead log is refused at once while somebody writes, whatever time-out is set."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, other.rollback)
    release.start()
    Journal(url_of(path), key).close()
    release.join()
    other.close()


_STANDINGS = {"running": "running", "waits": "waiting_for_approval", "done": "completed", "new": "created"}


def _runs(journal: Journal) -> None:
    """A run in each standing."""

    def say(run: str, name: str, outcome: str | None = None) -> None:
        journal.append("acme", [Event(name, {}, run, outcome=outcome, flow=("small", "1"))])

    for run, standing in _STANDINGS.items():
        say(run, "run.created")
        if standing != "created":
            say(run, "run.attempt")
        if standing == "waiting_for_approval":
            say(run, "run.stopped", standing)
        if standing == "completed":
            say(run, "run.ended", standing)


@pytest.mark.parametrize(
    "revision", [s.revision for s in ScriptDirectory(str(Path(schema.__file__).parent / "migrations")).walk_revisions()]
)
def test_a_journal_of_every_earlier_release_is_brought_up_to_date(path: Path, revision: str) -> None:
    journal = Journal(url_of(path), key)
    _runs(journal)
    journal.freeze("globex", "dora", "an audit")
    (note,) = journal.append("acme", [event("note", run_id=None, text="erase me")])
    journal.erase("acme", [note.id], by="dora", reason="GDPR 17")
    kept = "SELECT tree, seq, id, run_id, body, leaf FROM entries ORDER BY tree, seq"
    before, told = sql(path, kept), journal.tail("acme")
    journal.close()
    old = path.with_name("old.db")
    as_of(path, revision, old)

    again = Journal(url_of(old), key)
    assert again.verify().ok
    assert sql(old, kept) == before
    assert again.tail("acme") == told, "with what each entry says, and without what was erased"
    assert {index.run_id: index.standing for index in again.runs()} == _STANDINGS
    # What may need somebody is found: the run that waits too, because when its question expires is not known.
    assert {run.run_id for run in again.unsettled()} >= {"running", "new"}
    again.append("acme", [event()])
    assert again.verify().ok
    again.close()


@pytest.mark.parametrize("damage", ["UPDATE payloads SET sealed = x'00' {0}", "DELETE FROM payloads {0}"])
def test_what_was_wrong_before_a_migration_is_wrong_after_it(path: Path, damage: str) -> None:
    journal = Journal(url_of(path), key)
    _, bad, _ = journal.append("acme", [event("one"), event("two"), event("three")])
    journal.close()
    old = path.with_name("old.db")
    as_of(path, "0003", old)
    sql(old, damage.format("WHERE entry_id = ?"), [bad.id])

    again = Journal(url_of(old), key)
    found = again.verify().first_bad
    assert found is not None
    assert (found["seq"], bad.id in found["why"]) == (bad.seq, True)
    again.close()


def test_a_migration_that_is_killed_leaves_the_record_as_it_was(path: Path) -> None:
    """It is one transaction: whatever stops it, the next start does it again."""
    journal = Journal(url_of(path), key)
    journal.append("acme", [event(str(n)) for n in range(50)])
    told = journal.tail("acme")
    journal.close()
    old = path.with_name("old.db")
    as_of(path, "0003", old)

    def killed() -> None:
        # At the last statement before the new version is noted.
        def last(statement: str) -> None:
            if statement.startswith("UPDATE alembic_version"):
                os.kill(os.getpid(), signal.SIGKILL)

        sa.event.listen(sa.Engine, "connect", lambda connection, _record: connection.set_trace_callback(last))
        Journal(url_of(old), key)

    assert Child(killed).wait() == -signal.SIGKILL
    assert sql(old, "SELECT version_num FROM alembic_version") == [("0003",)]
    assert sql(old, "SELECT count(*) FROM payloads") == [(50,)]
    again = Journal(url_of(old), key)
    assert again.tail("acme") == told
    assert again.verify().ok
    again.close()
