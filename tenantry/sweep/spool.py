"""Rows that must be read again in order of time, kept on disk: the sweep's memory does not grow with the log.

A SQLite file without journal or name: it is unlinked as soon as it is open, so that nothing stays behind, however the
process ends. https://www.sqlite.org/tempfiles.html
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["Hit", "Spool"]

_BATCH: Final = 2000
_SCHEMA: Final = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000; PRAGMA temp_store = FILE; PRAGMA locking_mode = EXCLUSIVE;
CREATE TABLE hit (stream INT, grp TEXT, t REAL, part INT, value TEXT, event TEXT, brief TEXT);
CREATE TABLE activity (actor TEXT, kind TEXT, slot INT, name TEXT, service TEXT, network TEXT, client TEXT, place TEXT, region TEXT,
                       outcome TEXT, session TEXT, n INT, first REAL, last REAL, events TEXT, ip TEXT, reads INT);
"""


@dataclass(frozen=True, slots=True)
class Hit:
    """One event that counts for a correlation.

    Attributes:
        part: which of the correlation's rules it matched.
        value: what distinct values are counted of.
        brief: what evidence shows of the event.
    """

    time: float
    part: int
    value: str | None
    event: str
    brief: str


class Spool:
    """The rows of one sweep. Not for several threads.

    Args:
        folder: where the file lies while it is open; None keeps it in memory (small inputs, tests).
    """

    def __init__(self, folder: Path | None = None) -> None:
        path: Path | None = None
        if folder is not None:
            path = folder / f"sweep-{secrets.token_hex(8)}.db"
            path.touch(mode=0o600, exist_ok=False)
        self._db = sqlite3.connect(str(path) if path else ":memory:", isolation_level=None)
        self._db.executescript(_SCHEMA)
        self._db.execute("BEGIN")
        if path is not None:
            path.unlink()
        self._hits: list[tuple[Any, ...]] = []
        self._acts: list[tuple[Any, ...]] = []

    def hit(self, stream: int, group: tuple[str, ...], hit: Hit) -> None:
        """Keep a hit of the correlation ``stream`` for a group of values."""
        self._hits.append((stream, json.dumps(group), hit.time, hit.part, hit.value, hit.event, hit.brief))
        if len(self._hits) >= _BATCH:
            self._flush()

    def activity(self, row: tuple[Any, ...]) -> None:
        """Keep a row of who did what (columns of the table ``activity``)."""
        self._acts.append(row)
        if len(self._acts) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._hits:
            self._db.executemany("INSERT INTO hit VALUES (?,?,?,?,?,?,?)", self._hits)
            self._hits.clear()
        if self._acts:
            self._db.executemany("INSERT INTO activity VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", self._acts)
            self._acts.clear()

    def groups(self, stream: int) -> Iterator[tuple[tuple[str, ...], Iterator[Hit]]]:
        """Each group of a correlation with its hits in order of time. A group's hits must be used before the next."""
        self._flush()
        rows = self._db.execute(
            "SELECT grp, t, part, value, event, brief FROM hit WHERE stream = ? ORDER BY grp, t, part, rowid", (stream,)
        )
        row = next(rows, None)
        while row is not None:
            group = row[0]

            def hits(group: str = group) -> Iterator[Hit]:
                nonlocal row
                while row is not None and row[0] == group:
                    current = row
                    row = next(rows, None)
                    yield Hit(*current[1:])

            found = hits()
            yield tuple(json.loads(group)), found
            for _ in found:  # what the reader left
                pass

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows of a question about ``activity``."""
        self._flush()
        return self._db.execute(sql, parameters)

    def close(self) -> None:
        self._db.close()
