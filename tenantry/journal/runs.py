"""The rows of runs: an index over the entries, kept in the transaction that appends them, so that a run's tree, the list of
runs and those that nobody carries are found without reading the record. ``verify`` holds them against the entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tenantry.clock import parse_rfc3339
from tenantry.errors import InvalidInput
from tenantry.journal import schema
from tenantry.journal.entry import Event
from tenantry.journal.lease import known_dead
from tenantry.journal.sql import Transaction
from tenantry.journal.statements import Statements

__all__ = ["STANDING", "RunIndex", "Unsettled", "find", "keep", "listed", "unsettled"]

STANDING: Final = frozenset(
    {"run.created", "run.attempt", "run.stopped", "run.ended", "approval.decided", "step.arrived"}
)
"""Events that the rows of runs are kept with."""

_OPEN: Final = frozenset({"created", "running", "waiting_for_approval", "interrupted", "paused_by_failed_step"})
_SHORTEST: Final = 6
"""Characters of a run's id that may stand for it."""
_WHOLE: Final = 36
"""Those of a whole one, which begins no other."""


@dataclass(frozen=True, slots=True)
class RunIndex:
    run_id: str
    tenant: str
    runbook: str
    created_at: str
    standing: str = "created"
    """How its newest entry that says so left it: ``created``, ``running``, or a status."""

    @property
    def ended(self) -> bool:
        """Nothing is left to resume."""
        return self.standing not in _OPEN


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A run that is not known to be well."""

    run_id: str
    tenant: str
    runbook: str
    standing: str
    """``created``, ``running`` or ``waiting_for_approval``."""
    created_at: datetime
    overdue: float | None
    """Seconds since a waiting run was answered, or its question expired."""
    live: bool
    """A process owns it that is not known to be dead."""


def keep(statements: Statements, db: Transaction, event: Event, tree: str, ts: str) -> None:
    """Keep the rows with what an entry says; for events of :data:`STANDING`.

    Raises:
        InvalidInput: a run of this id was created before.
    """
    if event.event in ("approval.decided", "step.arrived"):
        # Somebody answered, or what was waited for is there: worth another look from now on, if the run still waits by then.
        values = {"at_run": event.run_id, "at_standing": "waiting_for_approval", "new_due": _us(ts)}
        statements.due(db, values)
        return
    if event.event != "run.created":
        standing = "running" if event.event == "run.attempt" else event.outcome
        due = event.payload.get("due")
        new = {"new_standing": standing, "new_due": None if due is None else _us(due)}
        statements.stand(db, {"at_run": event.run_id, **new})
        return
    row = {
        "run_id": event.run_id,
        "tree": tree,
        "runbook": event.flow[0] if event.flow else "",
        "created_at": ts,
        "standing": "created",
        "due_us": None,
    }
    if statements.run(db, row) != 1:
        raise InvalidInput(f"there is a run {event.run_id} already")


def find(statements: Statements, db: Connection, run_id: str) -> RunIndex | None:
    """The run of this id, or the only one whose id begins so."""
    row = statements.found.row(db, {"wanted": run_id})
    if row is not None:
        return RunIndex(*row)
    found: list[RunIndex] = []
    if _SHORTEST <= len(run_id) < _WHOLE:
        found = list(_indexed(db, _query().where(schema.runs.c.run_id.startswith(run_id, autoescape=True)).limit(2)))
    return found[0] if len(found) == 1 else None


def listed(db: Connection, tenant: str | None, limit: int | None) -> list[RunIndex]:
    """Newest first."""
    query = _query().order_by(schema.runs.c.created_at.desc(), schema.runs.c.run_id).limit(limit)
    if tenant is not None:
        query = query.where(schema.trees.c.tenant == tenant)
    return list(_indexed(db, query))


def unsettled(db: Connection, now_us: int) -> list[Unsettled]:
    """Runs that may need somebody: none of them has ended, is paused by a failed step, or waits for a person whose time has
    not come. Oldest first.

    Args:
        now_us: Unix time in microseconds.
    """
    runs, leases = schema.runs.c, schema.leases.c
    query = (
        sa.select(
            runs.run_id,
            schema.trees.c.tenant,
            runs.runbook,
            runs.standing,
            runs.created_at,
            runs.due_us,
            leases.owner,
            leases.expires_us,
        )
        .select_from(
            schema.runs.join(schema.trees, schema.trees.c.tree == runs.tree).outerjoin(
                schema.leases, leases.run_id == runs.run_id
            )
        )
        .where(
            runs.standing.in_(["created", "running"])
            | ((runs.standing == "waiting_for_approval") & (runs.due_us <= now_us))
        )
        .order_by(runs.created_at)
    )
    return [
        Unsettled(
            row.run_id,
            row.tenant,
            row.runbook,
            row.standing,
            parse_rfc3339(row.created_at),
            None if row.due_us is None else (now_us - row.due_us) / 1e6,
            bool(row.expires_us) and row.expires_us > now_us and not known_dead(row.owner),
        )
        for row in db.execute(query)
    ]


def _query() -> sa.Select[Any]:
    return sa.select(schema.runs, schema.trees.c.tenant).join(schema.trees, schema.trees.c.tree == schema.runs.c.tree)


def _indexed(db: Connection, query: sa.Select[Any]) -> Iterator[RunIndex]:
    for row in db.execute(query):
        yield RunIndex(row.run_id, row.tenant, row.runbook, row.created_at, row.standing)


def _us(ts: str) -> int:
    return int(parse_rfc3339(ts).timestamp() * 1e6)
