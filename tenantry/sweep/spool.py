"""Rows that must be read again in order of time, kept on disk: the sweep's memory does not grow with the log.

What was done when (``slot``) is most of it, and of most logs no check ever looks at a row. So these are put aside as they are, and become a
table once it is known whose rows matter. A SQLite file without journal or name: it is unlinked as soon as it is open, so that nothing stays behind, however the
process ends. https://www.sqlite.org/tempfiles.html
"""

from __future__ import annotations

import io
import json
import marshal
import secrets
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

__all__ = ["Hit", "Spool"]

_BATCH: Final = 2000
_SCHEMA: Final = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000; PRAGMA temp_store = FILE; PRAGMA locking_mode = EXCLUSIVE;
CREATE TABLE hit (stream INT, grp TEXT, t REAL, part INT, value TEXT, event TEXT, brief TEXT);
CREATE TABLE kin (number INTEGER PRIMARY KEY, actor TEXT, kind TEXT, name TEXT, service TEXT, network TEXT, client TEXT, place TEXT,
                  region TEXT, outcome TEXT, session TEXT, reads INT);
CREATE TABLE slot (kin INT, slot INT, n INT, first REAL, last REAL, events TEXT, ip TEXT);
CREATE VIEW activity AS SELECT actor, kind, slot, name, service, network, client, place, region, outcome, session, n, first, last, events, ip, reads
                        FROM slot CROSS JOIN kin ON kin.number = slot.kin;
"""
"""``kin`` says what may be the same of many rows of ``slot``, and is small: whoever can, asks it first. It may say the same twice.
``activity`` is both, in the order of ``slot`` (https://www.sqlite.org/optoverview.html#crossjoin)."""


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
        self._aside: IO[bytes] = io.BytesIO()
        if folder is not None:
            self._aside = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with this
        self._pieces = 0
        self._hits: list[tuple[Any, ...]] = []

    def hit(self, stream: int, group: tuple[str, ...], hit: Hit) -> None:
        """Keep a hit of the correlation ``stream`` for a group of values."""
        self._hits.append((stream, json.dumps(group), hit.time, hit.part, hit.value, hit.event, hit.brief))
        if len(self._hits) >= _BATCH:
            self._flush()

    def kin(self, number: int, row: tuple[Any, ...]) -> None:
        """Keep under a number of its own who does what whence (the other columns of the table ``kin``)."""
        self._db.execute("INSERT INTO kin VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", (number, *row))

    def slots(self, rows: list[list[Any]]) -> None:
        """Put rows of how often, when and in which events aside (columns of the table ``slot``)."""
        marshal.dump(rows, self._aside, 2)
        self._pieces += 1

    def choose(self, kin: Iterable[str]) -> None:
        """Make the table ``slot`` of the rows that matter.

        Args:
            kin: questions about the table ``kin`` whose answers are numbers of those that do.
        """
        wanted = {row[0] for sql in kin for row in self._db.execute(sql)}
        self._aside.seek(0)
        for _ in range(self._pieces if wanted else 0):
            piece = marshal.load(self._aside)  # noqa: S302 - written above, into a file that nobody else can open
            chosen = [row for row in piece if row[0] in wanted]
            self._db.executemany("INSERT INTO slot VALUES (?,?,?,?,?,?,?)", chosen)
        self._aside.seek(0, io.SEEK_END)

    def _flush(self) -> None:
        if self._hits:
            self._db.executemany("INSERT INTO hit VALUES (?,?,?,?,?,?,?)", self._hits)
            self._hits.clear()

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
        """Rows of a question about ``activity`` or ``kin``."""
        return self._db.execute(sql, parameters)

    def close(self) -> None:
        self._db.close()
        self._aside.close()
