"""A SQLite file of this home, opened for itself, and left without a trace of what was deleted from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenantry.errors import RecordError

__all__ = ["connected", "emptied"]

_WAIT = 30.0
"""Seconds for which somebody else may write."""


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of its own, in which what is deleted is overwritten. Raises RecordError for whatever SQLite says."""
    try:
        db = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
        try:
            db.execute("PRAGMA secure_delete=ON")
            yield db
        finally:
            db.close()
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        raise RecordError(f"{path.name} cannot be used ({name})", sqlite=name) from error


def emptied(db: sqlite3.Connection) -> None:
    """Rewrite the database without its free pages, and empty the write-ahead log: neither keeps an earlier copy.

    Raises:
        RecordError: somebody reads it, so that the log cannot be emptied now.
    """
    db.execute("VACUUM")
    busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise RecordError(
            "the write-ahead log cannot be emptied while somebody reads it", remedy="Do the same again in a moment."
        )
