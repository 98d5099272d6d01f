"""What the tests of the journal share."""

from __future__ import annotations

import os
import sqlite3
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tenantry.errors import NotFound
from tenantry.journal import Event, schema
from tenantry.proof import TrustedKey

KEYS = {name: name.encode().ljust(32, b"k") for name in ("_msp", "acme", "globex")}


def key(tenant: str) -> bytes:
    """As the vault does it: a tenant without a key, or whose key was destroyed, is not found."""
    try:
        return KEYS[tenant]
    except KeyError:
        raise NotFound(f"{tenant} has no key") from None


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def event(name: str = "step.intent", run_id: str | None = "run-1", **payload: Any) -> Event:
    return Event(name, payload, run_id=run_id, step="block", attempt=1, flow=("bec", "1"))


def created(run_id: str) -> Event:
    return Event("run.created", {"tenant": "acme"}, run_id=run_id, flow=("bec", "1"))


class MemorySigner:
    """Signing keys that follow from the epoch alone, and what was kept, in memory."""

    def __init__(self) -> None:
        self.notes: dict[str, bytes] = {}
        self.published: list[tuple[str, list[TrustedKey]]] = []
        self.retired: list[int] = []

    def private(self, epoch: int) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(bytes([epoch]) * 32)

    def retire(self, epoch: int) -> None:
        self.retired.append(epoch)

    def kept(self, tree: str) -> bytes | None:
        return self.notes.get(tree)

    def keep(self, tree: str, note: bytes) -> None:
        self.notes[tree] = note

    def publish(self, origin: str, keys: Sequence[TrustedKey]) -> None:
        self.published.append((origin, list(keys)))


def sql(path: Path, statement: str, values: Sequence[Any] = ()) -> list[Any]:
    """What somebody does who has the file and not our code."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        return db.execute(statement, values).fetchall()


def as_of(path: Path, revision: str, old: Path) -> None:
    """The same record in the schema of an earlier release, in another file. What that release did not know yet is left out."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    engine = sa.create_engine(url_of(old))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    with closing(sqlite3.connect(old)) as db, db:
        db.execute("ATTACH DATABASE ? AS new", (str(path),))
        for (table,) in db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            if table == "payloads":  # which stand in the rows of their entries since
                db.execute("INSERT INTO main.payloads (entry_id, sealed) SELECT id, sealed FROM new.entries")
            elif table != "alembic_version":
                columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
                db.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")


class Child:
    """A forked process that runs one function and ends with 0 if it returned, 1 if it raised."""

    def __init__(self, run: Callable[[], None]) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                run()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)

    def kill(self) -> None:
        os.kill(self.pid, 9)
        self.wait()

    def wait(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def together(*runs: Callable[[], None]) -> list[int]:
    """Every function in a process of its own, begun at once; the exit codes."""
    reader, writer = os.pipe()

    def begin(run: Callable[[], None]) -> Callable[[], None]:
        def waits() -> None:
            os.close(writer)
            os.read(reader, 1)
            run()

        return waits

    children = [Child(begin(run)) for run in runs]
    os.close(reader)
    os.close(writer)  # the starting shot: everybody reads the end of the pipe
    return [child.wait() for child in children]
