"""Homes begin with a copy of Prefect's empty database, and with nobody's data in it."""

from __future__ import annotations

import sqlite3
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from flows import empty_database
from tenantry.home import Home


def test_it_holds_tables_and_no_rows() -> None:
    with closing(sqlite3.connect(empty_database.make())) as found:
        tables = [name for (name,) in found.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name for name in tables if found.execute(f'SELECT 1 FROM "{name}"').fetchone() is not None}
        assert found.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert {"flow_run", "task_run", "deployment"} <= set(tables)
    assert rows == {"alembic_version"}


def test_a_home_begins_with_a_copy_and_keeps_what_it_has(tmp_path: Path) -> None:
    empty_database.make()
    home = Home(tmp_path / "home").ensure()
    with ThreadPoolExecutor(8) as several:
        laid = list(several.map(lambda _: empty_database.lay(home), range(8)))
    assert laid.count(True) == 1
    path = empty_database.database(home)
    assert path.read_bytes() == empty_database.prepared().read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in home.prefect.iterdir()] == ["prefect.db"]
    path.write_bytes(b"in use")
    assert not empty_database.lay(home)
    assert path.read_bytes() == b"in use"


def test_without_one_the_server_makes_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "elsewhere"))
    home = Home(tmp_path / "home").ensure()
    assert not empty_database.lay(home)
    assert not empty_database.database(home).exists()
