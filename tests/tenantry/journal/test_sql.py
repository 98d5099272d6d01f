from __future__ import annotations

import sqlite3

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError

from tenantry.errors import JournalCorrupt, JournalUnavailable, RecordError
from tenantry.journal import schema
from tenantry.journal.sql import Prepared, mapped
from tenantry.journal.statements import Statements

ROW = {"created_at": "1", "run_id": "r", "tree": "t", "runbook": "bec", "standing": "created", "due_us": None}


def _sqlite_error(code: int | None) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("whatever it says")
    if code is not None:
        error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "becomes"),
    [
        (sqlite3.SQLITE_FULL, JournalUnavailable),
        (sqlite3.SQLITE_BUSY, JournalUnavailable),
        (sqlite3.SQLITE_LOCKED, JournalUnavailable),
        (sqlite3.SQLITE_IOERR, JournalUnavailable),
        (sqlite3.SQLITE_IOERR_FSYNC, JournalUnavailable),
        (sqlite3.SQLITE_CANTOPEN, JournalUnavailable),
        (sqlite3.SQLITE_READONLY, JournalUnavailable),
        (sqlite3.SQLITE_CORRUPT, JournalCorrupt),
        (sqlite3.SQLITE_CORRUPT_INDEX, JournalCorrupt),
        (sqlite3.SQLITE_NOTADB, JournalCorrupt),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, JournalCorrupt),
        (sqlite3.SQLITE_ERROR, JournalCorrupt),
        (None, JournalCorrupt),
    ],
)
def test_sqlites_errors_become_ours_by_their_code(code: int | None, becomes: type[RecordError]) -> None:
    with pytest.raises(becomes), mapped("do it"):
        raise OperationalError("INSERT", {}, _sqlite_error(code))


@pytest.mark.parametrize(
    ("kind", "becomes"),
    [
        (OperationalError, JournalUnavailable),
        (InterfaceError, JournalUnavailable),
        (IntegrityError, JournalCorrupt),
        (sa.exc.DataError, JournalCorrupt),
        (sa.exc.ProgrammingError, JournalCorrupt),
    ],
)
def test_other_drivers_errors_become_ours_by_their_class(kind: type[DBAPIError], becomes: type[RecordError]) -> None:
    with pytest.raises(becomes), mapped("do it"):
        raise kind("INSERT", {}, Exception("from the driver"))


def test_a_pool_without_a_free_connection_is_unavailable() -> None:
    with pytest.raises(JournalUnavailable), mapped("do it"):
        raise sa.exc.TimeoutError("QueuePool limit")


def test_what_is_not_the_databases_passes() -> None:
    with pytest.raises(KeyError), mapped("do it"):
        raise KeyError("x")


def test_a_prepared_statement_takes_its_values_by_name() -> None:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as db:
        schema.metadata.create_all(db)
        insert = Prepared(schema.runs.insert(), engine.dialect)
        rows = [ROW | {"created_at": str(n), "run_id": f"r{n}"} for n in range(3)]
        insert.many(db, rows[:1])
        insert.many(db, rows[1:])
        assert [row._asdict() for row in db.execute(sa.select(schema.runs).order_by(schema.runs.c.run_id))] == rows
        one = Prepared(sa.select(schema.runs.c.tree).where(schema.runs.c.run_id == sa.bindparam("at")), engine.dialect)
        assert one.row(db, {"at": "r1"}) == ("t",)
        assert one.row(db, {"at": "r9"}) is None


def test_statements_fit_postgresql_too() -> None:
    dialect = postgresql.dialect(paramstyle="pyformat")
    statements = Statements(dialect)
    assert "FOR UPDATE" in statements.tree._sql
    assert "ON CONFLICT DO NOTHING" in statements.new_tree._sql
    assert statements.hold._of({"at_run": "r", "at_token": 1, "until": 2}) == {"at_run": "r", "at_token": 1, "until": 2}


def test_errors_of_prepared_statements_have_names_too() -> None:
    engine = sa.create_engine("sqlite://")
    row = {**ROW}
    with engine.begin() as db:
        missing = Prepared(schema.runs.insert(), engine.dialect)
        with pytest.raises(JournalCorrupt), mapped("append"):
            missing(db, row)
        schema.metadata.create_all(db)
        missing(db, row)
        with pytest.raises(JournalCorrupt) as caught, mapped("append"):
            missing(db, row)
        assert "bec" not in str(caught.value), "no value stands in an error"
