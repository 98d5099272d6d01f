"""One SQLite file with the settings that a record needs: durable commits, owner-only permissions, typed errors.

Writes go through `transaction`, which takes SQLite's write lock at once, so a read-check-write is atomic between
threads and between processes. https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_synchronous
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from tenantry.errors import RecordError

__all__ = ["LocalDb", "create_private"]

_BUSY_SECONDS = 10.0
_CREATING = threading.Lock()
"""Nobody finds a file that another thread has made and not closed yet: its closing would end the locks that he has by then."""


class _Transaction:
    """A block of `LocalDb.transaction`. Not a generator: two of them, one in the other, cost more than BEGIN and COMMIT."""

    __slots__ = ("_of",)

    def __init__(self, of: LocalDb) -> None:
        self._of = of

    def __enter__(self) -> sqlite3.Connection:
        of = self._of
        of._lock.acquire()
        try:
            of._db.execute("BEGIN IMMEDIATE")
        except BaseException as exc:
            of._lock.release()
            if isinstance(exc, sqlite3.Error):
                raise of._problem(exc) from exc
            raise
        return of._db

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        of = self._of
        try:
            if exc is None:
                try:
                    of._db.execute("COMMIT")
                except BaseException:
                    of._db.rollback()  # does nothing when SQLite has rolled back itself
                    raise
            else:
                of._db.rollback()
                if isinstance(exc, sqlite3.Error):
                    raise exc
        except sqlite3.Error as problem:
            raise of._problem(problem) from problem
        finally:
            of._lock.release()


def create_private(path: Path) -> None:
    """An empty database file of the owner's alone, where there is none; SQLite gives its -wal and -shm files the same permissions.

    One that is there is not opened: whoever closes a file, by whatever descriptor, ends every lock that his process has on it, those of its
    SQLite connections too. Another process then takes itself for the last one, deletes the log, and what is written afterwards is lost
    (https://www.sqlite.org/howtocorrupt.html, 2.2). Raises OSError.
    """
    with _CREATING, contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600))


class LocalDb:
    """A connection for every thread of this process, one at a time; other processes open the same file.

    Args:
        path: the database; created with mode 0600 when missing.
        schema: statements that create what is missing (``IF NOT EXISTS``).
        version: the schema's number, kept in ``user_version``; a file written by a newer release is refused.
        upgrades: number → statement that makes an older file's tables what ``schema`` would make, in turn.

    Raises:
        RecordError: here and from every method: the file cannot be opened, written or read.
    """

    def __init__(self, path: Path, schema: str, *, version: int = 1, upgrades: Mapping[int, str] | None = None) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            create_private(path)
            if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
                path.chmod(0o600)
        except OSError as exc:
            raise RecordError(f"{path.name} cannot be opened ({exc.strerror})") from exc
        with self._mapped():
            self._db = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
            )
            try:
                self._prepare(schema, version, upgrades or {})
            except BaseException:
                self._db.close()
                raise
            self._bare = self._db.cursor()
            self._bare.row_factory = None

    def _prepare(self, schema: str, version: int, upgrades: Mapping[int, str]) -> None:
        self._db.row_factory = sqlite3.Row
        self._to_wal()
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA foreign_keys=ON")
        self._db.execute("PRAGMA trusted_schema=OFF")
        # KiB: the vault of a few hundred clients stays in memory, sealed as it lies on the disk; taken only as it is used.
        self._db.execute("PRAGMA cache_size=-16384")
        # What is deleted is overwritten: a destroyed key must not linger in a free page.
        self._db.execute("PRAGMA secure_delete=ON")
        found = self._db.execute("PRAGMA user_version").fetchone()[0]
        if found > version:
            raise RecordError(
                f"{self.path.name} was written by a newer release (format {found}, this one knows {version})",
                remedy="Upgrade this installation.",
            )
        if found < version:
            with self.transaction():
                found = self._db.execute("PRAGMA user_version").fetchone()[0]  # another first start may have been here
                older = [upgrades.get(step, "") for step in range(found + 1, version + 1)] if found else []
                for statement in ";".join((*older, schema)).split(";"):
                    if statement.strip():
                        self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={version:d}")

    def _to_wal(self) -> None:
        """The change to WAL needs the file alone and does not wait by itself; two first starts may meet here."""
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as exc:
                if exc.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """The write lock, then all or nothing; durable once the block is left. Not to be nested."""
        return _Transaction(self)

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a read, or None."""
        try:  # not `_mapped`: a generator costs as much as a small query
            with self._lock:
                row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
                return row
        except sqlite3.Error as exc:
            raise self._problem(exc) from exc

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Every row of a read."""
        try:
            with self._lock:
                return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as exc:
            raise self._problem(exc) from exc

    def tuples(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """As `all`, as plain tuples: half the time where there are many."""
        try:
            with self._lock:
                # One cursor for all: read to its end, it holds nothing of what it read, and no snapshot of the file.
                return self._bare.execute(sql, values).fetchall()
        except sqlite3.Error as exc:
            raise self._problem(exc) from exc

    def stamp(self) -> tuple[int, int] | None:
        """Equal to an earlier one as long as nobody, in whatever process, has committed a change to the file in between; None within a
        transaction of this thread's. https://www.sqlite.org/pragma.html#pragma_data_version"""
        try:
            with self._lock:
                if self._db.in_transaction:
                    return None
                return self._bare.execute("PRAGMA data_version").fetchall()[0][0], self._db.total_changes
        except sqlite3.Error as exc:
            raise self._problem(exc) from exc

    def forget_deleted(self) -> None:
        """Empty the write-ahead log into the database, so that no earlier copy of a deleted page remains in it. Readers in
        other processes can delay it; then the log is emptied at their next checkpoint."""
        with self._lock, self._mapped():
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise self._problem(exc) from exc

    def _problem(self, exc: sqlite3.Error) -> RecordError:
        code = getattr(exc, "sqlite_errorname", None) or type(exc).__name__
        return RecordError(f"{self.path.name} cannot be used ({code})", sqlite=code)
