"""What is known of one hand-over: what was listed, what was verified, how far a large file is. One SQLite file.

It makes resuming cheap and decides nothing alone: what it forgot in a power cut is found at the destination and read back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tenantry.handover.naming import apart, folded, portable
from tenantry.handover.source import Item, LeftOut
from tenantry.localdb import LocalDb

__all__ = ["Ledger", "Row"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS files (
    number INTEGER PRIMARY KEY, original BLOB NOT NULL UNIQUE, path TEXT NOT NULL UNIQUE, folded TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL, stamp TEXT NOT NULL, token TEXT NOT NULL DEFAULT '', sha256 BLOB, sha512 BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS reached (file INTEGER, part INTEGER, sha256 BLOB NOT NULL, PRIMARY KEY (file, part)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS left_out (original BLOB NOT NULL, why TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS open_files ON files (number) WHERE sha256 IS NULL
"""
_PAGE: Final = 500
_GATHERED: Final = 64


@dataclass(frozen=True, slots=True)
class Row:
    """One file of the payload. ``path`` is what it is called in the package, below ``data/``."""

    number: int
    item: Item
    path: str
    token: str
    sha256: bytes | None
    sha512: bytes | None


class Ledger:
    """Of one hand-over. Raises RecordError from every method where the file cannot be used.

    Args:
        path: the file; made when it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._db = LocalDb(path, _SCHEMA)
        self._verified: list[tuple[bytes, bytes, int]] = []

    def close(self) -> None:
        """Write what is gathered."""
        self.flush()
        self._db.close()

    def about(self, name: str) -> str | None:
        """A remembered value."""
        row = self._db.one("SELECT value FROM about WHERE name = ?", name)
        return None if row is None else str(row[0])

    def remember(self, name: str, value: str) -> None:
        """Remember it durably."""
        with self._db.transaction() as db:
            db.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    # --- what was listed ----------------------------------------------------------------------------------------------

    def forget_listing(self) -> None:
        """A listing that was not brought to its end is begun again."""
        with self._db.transaction() as db:
            db.execute("DELETE FROM files")
            db.execute("DELETE FROM left_out")

    def list(self, found: Sequence[Item | LeftOut]) -> None:
        """More of the source, each with the name it has in the package."""
        with self._db.transaction() as db:
            for one in found:
                original = b"/".join(one.parts)
                if isinstance(one, LeftOut):
                    db.execute("INSERT INTO left_out VALUES (?, ?)", (original, one.why))
                    continue
                path = portable(one.parts)
                if not _insert(db, original, path, one):
                    _insert(db, original, apart(path, one.parts), one, sure=True)

    def totals(self) -> tuple[int, int]:
        """Files and bytes of the payload."""
        row = self._db.one("SELECT count(*), coalesce(sum(size), 0) FROM files")
        return (int(row[0]), int(row[1])) if row is not None else (0, 0)

    def find(self, item: Item) -> bool:
        """Whether exactly this file, unchanged, was listed."""
        row = self._db.one("SELECT stamp FROM files WHERE original = ?", b"/".join(item.parts))
        return row is not None and row[0] == item.stamp

    def size_of(self, path: str) -> int | None:
        """Bytes of the file of this name in the package."""
        row = self._db.one("SELECT size FROM files WHERE path = ?", path)
        return None if row is None else int(row[0])

    def left_out(self) -> Iterator[tuple[bytes, str]]:
        """Names and reasons."""
        last = 0
        while rows := self._db.tuples(
            "SELECT rowid, original, why FROM left_out WHERE rowid > ? ORDER BY rowid LIMIT ?", last, _PAGE
        ):
            for row in rows:
                last = row[0]
                yield row[1], row[2]

    # --- how far it is ------------------------------------------------------------------------------------------------

    def rows(self, *, unverified: bool = False) -> Iterator[Row]:
        """The payload in the order of its listing, or what of it was not verified yet."""
        wanted = "AND sha256 IS NULL" if unverified else ""
        last = 0
        while rows := self._db.tuples(
            f"SELECT number, original, path, size, stamp, token, sha256, sha512 FROM files WHERE number > ? {wanted} ORDER BY number LIMIT ?",  # noqa: S608  # one of two constants
            last,
            _PAGE,
        ):
            for row in rows:
                last = row[0]
                yield _row(row)

    def by_path(self) -> Iterator[Row]:
        """The payload in the order of the names in the package."""
        last = ""
        while rows := self._db.tuples(
            "SELECT number, original, path, size, stamp, token, sha256, sha512 FROM files WHERE path > ? ORDER BY path LIMIT ?",
            last,
            _PAGE,
        ):
            for row in rows:
                last = row[2]
                yield _row(row)

    def upload(self, number: int, token: str) -> None:
        """An upload of several parts was begun."""
        with self._db.transaction() as db:
            db.execute("UPDATE files SET token = ? WHERE number = ?", (token, number))

    def reached(self, number: int, part: int) -> bytes | None:
        """SHA-256 of the file from its beginning to the end of this part, if the part was ever about to be sent."""
        row = self._db.one("SELECT sha256 FROM reached WHERE file = ? AND part = ?", number, part)
        return None if row is None else bytes(row[0])

    def reach(self, number: int, part: int, sha256: bytes) -> None:
        """Durable before the part is sent."""
        with self._db.transaction() as db:
            db.execute("INSERT OR REPLACE INTO reached VALUES (?, ?, ?)", (number, part, sha256))

    def verified(self, number: int, sha256: bytes, sha512: bytes) -> None:
        """Read back and found right. Durable with the next ones: forgotten, it is read back again."""
        self._verified.append((sha256, sha512, number))
        if len(self._verified) >= _GATHERED:
            self.flush()

    def flush(self) -> None:
        """Make what is gathered durable."""
        if not self._verified:
            return
        with self._db.transaction() as db:
            db.executemany("UPDATE files SET sha256 = ?, sha512 = ? WHERE number = ?", self._verified)
        self._verified.clear()


def _insert(db: sqlite3.Connection, original: bytes, path: str, item: Item, *, sure: bool = False) -> bool:
    how = "" if sure else "OR IGNORE"
    done = db.execute(
        f"INSERT {how} INTO files (original, path, folded, size, stamp) VALUES (?, ?, ?, ?, ?)",  # noqa: S608  # one of two constants
        (original, path, folded(path), item.size, item.stamp),
    )
    return done.rowcount == 1


def _row(row: tuple[Any, ...]) -> Row:
    number, original, path, size, stamp, token, sha256, sha512 = row
    return Row(number, Item(tuple(original.split(b"/")), size, stamp), path, token, sha256, sha512)
