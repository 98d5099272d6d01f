"""What Prefect's own database keeps of a client: runs with their parameters, states, logs, artifacts, inputs, events, schedules.

Read and deleted in the database itself, in one transaction: Prefect's API deletes a flow run and leaves its artifacts and events. A row is the
client's when it belongs to a run of theirs, or names one, or carries the client's tag or parameter; so what is left of runs that somebody deleted
in Prefect is found as well. The embedded server's database is SQLite, always.

The server keeps events for some seconds before it writes them: what was deleted sooner after a run's last word would come back after its proof.
"""

from __future__ import annotations

import re
import sqlite3
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from flows import empty_database
from flows.sqlite_files import connected, emptied

if TYPE_CHECKING:
    from flows.assembly import Installation

__all__ = ["PrefectTraces"]

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TABLES: Final[dict[str, tuple[str, ...]]] = {
    "flow_run": ("id", "tags", "parameters", "name", "labels"),
    "task_run": ("id", "flow_run_id"),
    "flow_run_state": ("id", "flow_run_id"),
    "task_run_state": ("id", "task_run_id"),
    "task_run_state_cache": ("task_run_state_id",),
    "flow_run_input": ("flow_run_id",),
    "log": ("flow_run_id", "task_run_id", "message"),
    "artifact": ("id", "flow_run_id", "task_run_id", "key", "data", "description", "metadata_"),
    "artifact_collection": ("latest_id", "flow_run_id", "task_run_id", "key", "data", "description", "metadata_"),
    "events": ("id", "resource_id", "resource", "related_resource_ids", "related", "payload"),
    "event_resources": ("event_id", "resource_id", "resource"),
    "automation_event_follower": ("leader_event_id", "follower_event_id", "follower"),
    "automation_bucket": ("last_event",),
    "composite_trigger_child_firing": ("child_firing",),
    "deployment_schedule": ("parameters",),
}
"""Table → columns by which a row is known to be the client's; in an order in which what names others comes after them."""
_SETTLED: Final = 15.0
"""Seconds after a run's last state by which its events are in the database: who sends them and the server that writes them (``event_persister``, each
five seconds) each hold them back for a while."""
_LEADS: Final = frozenset({"flow_run", "task_run", "task_run_state", "artifact", "events"})
"""Tables whose rows' ids name what belongs to them."""


class PrefectTraces:
    """A place of `flows.keeping`."""

    id, unit = "prefect", "rows"
    what = "Prefect's runs, parameters, states, logs, artifacts, answers and events"
    where = "prefect/prefect.db"
    technique = "rows deleted with secure_delete, the database rewritten, the write-ahead log emptied"

    def __init__(self, installation: Installation, tenant: str) -> None:
        self._installation = installation
        self._tenant = tenant
        name = re.escape(tenant)
        self._named = re.compile(rf'tenant:{name}(?![\w-])|"tenant"\s*:\s*"{name}"')

    def count(self) -> int:
        """Rows, of all tables."""
        path = empty_database.database(self._installation.home)
        if not path.exists():
            return 0
        with connected(path) as db:
            return sum(len(rows) for rows in self._doomed(db).values())

    def remove(self) -> None:
        """All of them, or none."""
        path = empty_database.database(self._installation.home)
        if not path.exists():
            return
        with connected(path) as db:
            time.sleep(self._unsettled(db))
            db.execute("BEGIN IMMEDIATE")
            for table, rows in self._doomed(db).items():
                db.executemany(f"DELETE FROM {table} WHERE rowid = ?", [(row,) for row in rows])  # noqa: S608  # of _TABLES
            db.execute("COMMIT")
            emptied(db)

    def _unsettled(self, db: sqlite3.Connection) -> float:
        """Seconds until the newest word of the client's runs has settled."""
        newest = ""
        for table, rows in self._doomed(db).items():
            if table in ("flow_run_state", "task_run_state"):
                asked = f"SELECT timestamp FROM {table} WHERE rowid = ?"  # noqa: S608  # of _TABLES
                newest = max([newest, *(str(db.execute(asked, (row,)).fetchone()[0]) for row in rows)])
        if not newest:
            return 0.0
        age = datetime.now(UTC) - datetime.fromisoformat(newest).replace(tzinfo=UTC)
        return min(max(_SETTLED - age.total_seconds(), 0.0), _SETTLED)

    def _doomed(self, db: sqlite3.Connection) -> dict[str, list[int]]:
        """Table → rows. Twice through: who belongs to a row may stand before it."""
        ids = {index.run_id for index in self._installation.journal.runs(self._tenant)}
        there = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        tables = {table: columns for table, columns in _TABLES.items() if table in there}
        for table in [name for name in tables if name in _LEADS] * 2:
            ids |= {owner for _, owner in self._found(db, table, tables[table], ids) if owner}
        return {table: [row for row, _ in self._found(db, table, columns, ids)] for table, columns in tables.items()}

    def _found(
        self, db: sqlite3.Connection, table: str, columns: tuple[str, ...], ids: set[str]
    ) -> list[tuple[int, str]]:
        """Row and its own id, of the rows that are the client's."""
        own = "id" if table in _LEADS else "''"
        asked = f"SELECT rowid, {own}, {', '.join(columns)} FROM {table}"  # noqa: S608  # of _TABLES
        found = []
        for row, owner, *values in db.execute(asked):
            text = "\n".join(str(value) for value in values if value is not None)
            if self._named.search(text) or not ids.isdisjoint(_UUID.findall(text)):
                found.append((int(row), str(owner)))
        return found
