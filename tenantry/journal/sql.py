"""The database under the record: how it is opened, how its errors become ours, and statements compiled once."""

from __future__ import annotations

import operator
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import PoolProxiedConnection

from tenantry.errors import JournalCorrupt, JournalUnavailable
from tenantry.journal.ahead import LogAhead
from tenantry.localdb import create_private

BUSY: Final = 30.0
"""Seconds to wait for another process's transaction."""
_BEGIN: Final = "BEGIN IMMEDIATE"

# Result codes that mean the file is not what was written (https://www.sqlite.org/rescode.html); after any other, nothing
# says so, and the same call may simply be made again.
_CORRUPT: Final = frozenset(
    {
        sqlite3.SQLITE_ERROR,  # a statement of ours does not fit the schema
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_NOTADB,
    }
)


def open_engine(url: str) -> sa.Engine:
    """Connections with what a record needs. Writers say so: ``engine.execution_options(write=True)``."""
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)
    _for_the_owner_alone(sa.make_url(url).database)
    # Parameters are hidden: they would stand in the text of every error.
    engine = sa.create_engine(url, connect_args={"timeout": BUSY, "check_same_thread": False}, hide_parameters=True)

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's begin below decides, not the driver
        # A commit writes whole pages, and a row has mostly less than 1 KB: half the bytes of the default to sync. A database
        # that is there keeps the size that it has.
        connection.execute("PRAGMA page_size=2048").close()
        _to_wal(connection)
        # FULL: an entry counts once it is durable. secure_delete: an erased payload must not linger in a free page.
        # 16 MB of write-ahead log before it is copied into the database, four times the default: half the work of it an append.
        for pragma in (
            *("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", "trusted_schema=OFF"),
            "wal_autocheckpoint=8000",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # IMMEDIATE for writers: a reader that upgrades to a writer cannot wait for the lock, one that begins as one can.
        _driven(connection, _BEGIN if connection.get_execution_options().get("write") else "BEGIN", ())

    return engine


def _for_the_owner_alone(database: str | None) -> None:
    if database and database != ":memory:":
        try:
            create_private(Path(database))
        except OSError as error:
            raise JournalUnavailable(f"cannot open the journal: {error.strerror}") from error


def _to_wal(connection: sqlite3.Connection) -> None:
    """The change to WAL needs the file alone and does not wait by itself; two first starts may meet here."""
    deadline = time.monotonic() + BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def mapped(doing: str) -> AbstractContextManager[None]:
    """Database errors become ours at this edge.

    Raises:
        JournalUnavailable: disk full, locked, unreachable: the same call may be made again.
        JournalCorrupt: what is stored is not what was written.
    """
    return _Mapped(doing)


class _Mapped(AbstractContextManager[None]):
    """A class, because around every append it costs a tenth of what a generator does."""

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, DBAPIError):
            ours = JournalCorrupt if _is_corrupt(error) else JournalUnavailable
            raise ours(f"cannot {self._doing}: {error.orig}") from error
        if isinstance(error, UnicodeDecodeError):
            # The driver could not even read the database's own complaint, which quotes a damaged schema.
            raise JournalCorrupt(f"cannot {self._doing}: the database holds text that is none") from error
        if isinstance(error, sa.exc.TimeoutError):
            raise JournalUnavailable(f"cannot {self._doing}: every connection is in use") from error


def _is_corrupt(error: DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", None)
        # Without a code the driver itself could not read a value, such as text that is not UTF-8.
        return code is None or code & 0xFF in _CORRUPT
    return not isinstance(error, (OperationalError, InterfaceError))


class Transaction(Protocol):
    """What a prepared statement runs in: SQLAlchemy's connection, or :class:`Writing`."""

    @property
    def connection(self) -> Any:
        """The driver's, or one that stands for it."""
        ...

    @property
    def dialect(self) -> sa.Dialect: ...


class Writing:
    """Write transactions at the driver itself, on one connection that is kept: ``with`` begins, commits, and rolls back when
    something is raised. SQLAlchemy's own beginning and end cost half as much as the statements of an append.

    For SQLite, which has one writer at a time anyway: threads wait for each other here. Errors become SQLAlchemy's.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.dialect = engine.dialect
        self._turn = threading.Lock()
        self._kept: PoolProxiedConnection | None = None
        self.connection: Any = None
        self.cursor: Any = None
        """Kept like the connection; one statement follows another."""
        self._ahead = LogAhead(engine.url.database)

    def __enter__(self) -> Writing:
        self._turn.acquire()
        try:
            if self._kept is None:
                self._kept = self._engine.raw_connection()
                self.connection = self._kept.driver_connection
                self.cursor = self.connection.cursor()
            _driven(self, _BEGIN, ())
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._leave()  # what is given back to the pool is rolled back
            return
        try:
            _driven(self, "COMMIT", ())
        except BaseException:
            self._leave()
            raise
        try:
            self._ahead.committed()
        finally:
            self._turn.release()

    def close(self) -> None:
        with self._turn:
            self._give_back()

    def _leave(self) -> None:
        try:
            self._give_back()
        finally:
            self._turn.release()

    def _give_back(self) -> None:
        kept, self._kept, self.connection, self.cursor = self._kept, None, None, None
        if kept is not None:
            kept.close()


class Prepared:
    """A Core statement compiled once for one dialect: what runs at every append must not be composed at every append.

    Values are handed to the driver as they are, so this is for text, numbers and bytes.
    """

    def __init__(self, statement: sa.sql.ClauseElement, dialect: sa.Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._sql = str(compiled)
        names: Sequence[str] | None = getattr(compiled, "positiontup", None)
        if names is None:
            self._of: Callable[[Mapping[str, Any]], Any] = dict
        elif len(names) == 1:
            (name,) = names
            self._of = lambda values: (values[name],)
        else:
            self._of = operator.itemgetter(*names)

    def __call__(self, db: Transaction, values: Mapping[str, Any]) -> int:
        """How many rows it changed."""
        return int(_driven(db, self._sql, self._of(values)).rowcount)

    def row(self, db: Transaction, values: Mapping[str, Any]) -> Any:
        """The first row, as a tuple; None when there is none."""
        return _driven(db, self._sql, self._of(values)).fetchone()

    def each(self, db: Transaction, values: Mapping[str, Any]) -> Iterable[tuple[Any, ...]]:
        """Every row, as it is read."""
        found: Iterable[tuple[Any, ...]] = _driven(db, self._sql, self._of(values))
        return found

    def many(self, db: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
        """The same statement for each row, in one call to the driver."""
        if len(rows) == 1:
            self(db, rows[0])
        else:
            _driven(db, self._sql, [self._of(row) for row in rows], many=True)


def _driven(db: Transaction, statement: str, values: Any, *, many: bool = False) -> Any:
    """Execute through the driver itself, within the connection's transaction: SQLAlchemy's own way there costs as much as
    the statement. Errors become SQLAlchemy's, as elsewhere."""
    cursor = db.cursor if isinstance(db, Writing) else db.connection.cursor()
    try:
        (cursor.executemany if many else cursor.execute)(statement, values)
    except db.dialect.loaded_dbapi.Error as error:
        errors = db.dialect.loaded_dbapi.Error
        raise DBAPIError.instance(statement, None, error, errors, hide_parameters=True, dialect=db.dialect) from error
    return cursor
