from __future__ import annotations

import sqlite3
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tenantry.errors import RecordError
from tenantry.journal import Event, Journal, schema
from tests.tenantry.journal.support import Child, event, key, sql, together, url_of


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


def _as_of(path: Path, revision: str, old: Path) -> None:
    """The same record in the schema of an earlier release."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    engine = sa.create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    with sqlite3.connect(old) as db:
        db.execute("ATTACH DATABASE ? AS new", (str(path),))
        for (table,) in db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            if table != "alembic_version":
                columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
                db.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")


@pytest.mark.parametrize(
    "revision", [s.revision for s in ScriptDirectory(str(Path(schema.__file__).parent / "migrations")).walk_revisions()]
)
def test_a_journal_of_every_earlier_release_is_brought_up_to_date(path: Path, revision: str) -> None:
    journal = Journal(url_of(path), key)
    _runs(journal)
    journal.freeze("globex", "dora", "an audit")
    before = sql(path, "SELECT tree, seq, leaf FROM entries ORDER BY tree, seq")
    journal.close()
    old = path.with_name("old.db")
    _as_of(path, revision, old)

    again = Journal(url_of(old), key)
    assert again.verify().ok
    assert sql(old, "SELECT tree, seq, leaf FROM entries ORDER BY tree, seq") == before
    assert {index.run_id: index.standing for index in again.runs()} == _STANDINGS
    # What may need somebody is found: the run that waits too, because when its question expires is not known.
    assert {run.run_id for run in again.unsettled()} >= {"running", "new"}
    again.append("acme", [event()])
    assert again.verify().ok
    again.close()
