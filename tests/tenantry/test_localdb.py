"""The SQLite wrapper: settings, atomic transactions, typed errors."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tenantry.errors import RecordError
from tenantry.localdb import LocalDb
from tests.support.databases import counted_elsewhere

SCHEMA = "CREATE TABLE IF NOT EXISTS t (n INTEGER NOT NULL) STRICT; CREATE TABLE IF NOT EXISTS u (n INTEGER)"


def test_settings(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        db = LocalDb(tmp_path / "x.db", SCHEMA)
        with db.transaction() as connection:
            connection.execute("INSERT INTO t VALUES (1)")
    finally:
        os.umask(previous)
    for pragma, value in [("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1), ("user_version", 1)]:
        row = db.one(f"PRAGMA {pragma}")
        assert row is not None
        assert row[0] == value
    if os.name == "posix":
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    db.close()


def test_one_that_is_opened_twice_loses_nothing_when_another_process_closes_it(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    first = LocalDb(path, SCHEMA)
    with first.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    second = LocalDb(path, SCHEMA)
    assert counted_elsewhere(path, "t") == 1
    with first.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (2)")
    assert counted_elsewhere(path, "t") == 2
    second.close()
    first.close()


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    db = LocalDb(tmp_path / "x.db", SCHEMA)
    with pytest.raises(ZeroDivisionError), db.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (1)").fetchall().append(1 / 0)
    assert db.all("SELECT * FROM t") == []
    with db.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (2)")
    assert [row["n"] for row in db.all("SELECT * FROM t")] == [2]


def test_an_open_file_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.touch(0o644)
    LocalDb(path, SCHEMA).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_errors_are_typed(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot be opened"):
        LocalDb(tmp_path / "none" / "x.db", SCHEMA)
    (tmp_path / "bad.db").write_bytes(b"this is no database, " * 100)
    with pytest.raises(RecordError, match="NOTADB"):
        LocalDb(tmp_path / "bad.db", SCHEMA)
    db = LocalDb(tmp_path / "x.db", SCHEMA)
    with pytest.raises(RecordError) as caught, db.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (NULL)")
    assert caught.value.detail["sqlite"] == "SQLITE_CONSTRAINT_NOTNULL"
    with pytest.raises(RecordError):
        db.one("SELECT * FROM nothing")


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    LocalDb(tmp_path / "x.db", SCHEMA, version=2).close()
    with pytest.raises(RecordError, match="newer release"):
        LocalDb(tmp_path / "x.db", SCHEMA, version=1)


def test_first_starts_may_meet_and_increments_are_not_lost(tmp_path: Path) -> None:
    def add(_: int) -> None:
        db = LocalDb(tmp_path / "x.db", SCHEMA)
        for _ in range(5):
            with db.transaction() as connection:
                n = connection.execute("SELECT coalesce(max(n), 0) FROM t").fetchone()[0]
                connection.execute("INSERT INTO t VALUES (?)", (n + 1,))
        db.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    db = LocalDb(tmp_path / "x.db", SCHEMA)
    assert [row["n"] for row in db.all("SELECT n FROM t ORDER BY n")] == list(range(1, 41))
