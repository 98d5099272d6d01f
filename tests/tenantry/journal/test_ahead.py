from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.journal import Journal
from tenantry.journal.ahead import LogAhead
from tests.tenantry.journal.support import Child, event, key, url_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def log(path: Path) -> Path:
    return path.with_name("journal.db-wal")


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    journal = Journal(url_of(path), key)
    try:
        yield journal
    finally:
        journal.close()


def _append(journal: Journal, count: int) -> None:
    for _ in range(count):
        journal.append("acme", [event()])


def test_who_records_a_lot_has_room_ahead(journal: Journal, log: Path) -> None:
    _append(journal, 7)
    small = log.stat().st_size
    _append(journal, 1)
    roomy = log.stat().st_size
    assert roomy > small + 256 * 1024
    assert not any(log.read_bytes()[-256 * 1024 :])
    _append(journal, 20)
    assert log.stat().st_size == roomy, "what follows is written into the room"
    assert journal.verify().ok


def test_room_is_made_anew_when_it_is_used_up(journal: Journal, log: Path) -> None:
    _append(journal, 8)
    roomy = log.stat().st_size
    for _ in range(16):
        journal.append("acme", [event(text="x" * 60_000)])
    assert log.stat().st_size > roomy + 512 * 1024
    assert journal.verify().ok


def test_what_a_killed_process_left_is_read_up_to_the_room(path: Path, log: Path) -> None:
    def append_and_die() -> None:
        _append(Journal(url_of(path), key), 9)
        os._exit(3)  # nothing is closed: the log stays as it is

    assert Child(append_and_die).wait() == 3
    assert not any(log.read_bytes()[-256 * 1024 :])
    journal = Journal(url_of(path), key)
    try:
        assert len(journal.tail("acme")) == 9
        _append(journal, 1)
        assert journal.verify().ok
    finally:
        journal.close()


def test_an_erasure_cuts_the_log_and_room_is_made_again(journal: Journal, log: Path) -> None:
    _append(journal, 8)
    (first, *_) = journal.tail("acme")
    journal.erase("acme", [first.entry.id], by="anna", reason="asked for")
    assert log.stat().st_size == 0
    _append(journal, 16)
    assert log.stat().st_size > 256 * 1024
    assert journal.verify().ok


def test_where_no_room_can_be_made_nothing_is_said(tmp_path: Path) -> None:
    ahead = LogAhead(str(tmp_path / "gone" / "journal.db"))
    for _ in range(20):
        ahead.committed()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("database", [None, ":memory:"])
def test_a_database_in_memory_has_no_log(database: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ahead = LogAhead(database)
    for _ in range(8):
        ahead.committed()
    assert list(tmp_path.iterdir()) == []
