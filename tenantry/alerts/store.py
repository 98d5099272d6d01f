"""``alerts.db``: every alert that was accepted, and what became of it, for ever.

What can be seen without a key: that there is an alert, from which source, how bad, for which client, how it stands. The rest is sealed to
the intake's key until somebody has worked on it, and lies under the client's own key from then on. The process that faces the network
only adds rows; what they come to is decided elsewhere (`tenantry.alerts.desk`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from tenantry.alerts.message import Sealed
from tenantry.errors import InvalidInput, NotFound
from tenantry.localdb import LocalDb
from tenantry.sweep.model import SEVERITIES, rank

__all__ = ["AlertRow", "AlertStore", "Incident", "State", "Suppression", "micros", "moment"]

State = Literal["accepted", "run", "queue", "merged", "suppressed"]
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS alerts (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, source TEXT NOT NULL, severity INTEGER NOT NULL, received_us INTEGER NOT NULL,
    body BLOB, state TEXT NOT NULL DEFAULT 'accepted', tenant TEXT, incident TEXT, reason TEXT, fingerprint BLOB,
    decided_us INTEGER, recorded INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS alerts_open ON alerts (seq) WHERE state = 'accepted';
CREATE INDEX IF NOT EXISTS alerts_unrecorded ON alerts (seq) WHERE recorded = 0;
CREATE INDEX IF NOT EXISTS alerts_same ON alerts (fingerprint, received_us);
CREATE INDEX IF NOT EXISTS alerts_incident ON alerts (incident);
CREATE TABLE IF NOT EXISTS incidents (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, state TEXT NOT NULL, severity INTEGER NOT NULL, opened_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL, alerts INTEGER NOT NULL, rule TEXT, runbook TEXT, run_id TEXT, plan BLOB, launched INTEGER NOT NULL,
    person TEXT, closed_us INTEGER, closed_why TEXT
);
CREATE INDEX IF NOT EXISTS incidents_open ON incidents (tenant) WHERE state = 'open';
CREATE INDEX IF NOT EXISTS incidents_unlaunched ON incidents (id) WHERE launched = 0;
CREATE TABLE IF NOT EXISTS entities (
    tenant TEXT NOT NULL, entity BLOB NOT NULL, incident TEXT NOT NULL, PRIMARY KEY (tenant, entity)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS suppressions (
    id INTEGER PRIMARY KEY, tenant TEXT, source TEXT, fingerprint BLOB, reason TEXT NOT NULL, by TEXT NOT NULL,
    made_us INTEGER NOT NULL, until_us INTEGER NOT NULL, lifted_us INTEGER
);
CREATE TABLE IF NOT EXISTS assignments (
    turn INTEGER PRIMARY KEY, incident TEXT NOT NULL, person TEXT, by TEXT NOT NULL, why TEXT NOT NULL, at_us INTEGER NOT NULL,
    recorded INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS assignments_incident ON assignments (incident);
CREATE INDEX IF NOT EXISTS assignments_unrecorded ON assignments (turn) WHERE recorded = 0;
CREATE TABLE IF NOT EXISTS sla (
    incident TEXT NOT NULL, name TEXT NOT NULL, severity TEXT NOT NULL, started_us INTEGER NOT NULL, due_us INTEGER NOT NULL,
    warn_us INTEGER NOT NULL, source TEXT NOT NULL, stopped_us INTEGER, told TEXT NOT NULL DEFAULT '', recorded INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (incident, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors (
    source TEXT PRIMARY KEY, since_us INTEGER NOT NULL, looked_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS intake (public BLOB NOT NULL)
"""
_VERSION: Final = 2
"""2: assignments, clocks, cursors and the intake's public key; tables that a file of version 1 is given as a new one is."""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert, as far as it can be seen."""

    seq: int
    id: str
    source: str
    severity: str
    received: datetime
    state: State
    tenant: str | None
    incident: str | None
    reason: str
    fingerprint: bytes | None
    body: bytes | None
    decided: datetime | None


@dataclass(frozen=True, slots=True)
class Incident:
    """What alerts were merged into: one for a client and whom they are about, as long as it is open.

    Attributes:
        run_id: the run that it has, or is to get; None: it waits in the queue for a person.
        launched: the run's beginning stands in the record.
        plan: parameters of the run, under the client's key.
    """

    id: str
    tenant: str
    state: str
    severity: str
    opened: datetime
    last: datetime
    alerts: int
    rule: str | None
    runbook: str | None
    run_id: str | None
    plan: bytes | None
    launched: bool
    person: str | None
    closed_why: str | None


@dataclass(frozen=True, slots=True)
class Suppression:
    """Alerts that nobody wants to hear of for a while, and why. What it does not name (None) may be any."""

    id: int
    tenant: str | None
    source: str | None
    fingerprint: bytes | None
    reason: str
    by: str
    made: datetime
    until: datetime

    def covers(self, tenant: str, source: str, fingerprint: bytes) -> bool:
        """Whether it is about such an alert."""
        given = (self.tenant, tenant), (self.source, source), (self.fingerprint, fingerprint)
        return all(wanted is None or wanted == found for wanted, found in given)


class AlertStore:
    """Thread-safe, and shared by processes. Every method may raise RecordError."""

    def __init__(self, path: Path) -> None:
        self._db = LocalDb(path, _SCHEMA, version=_VERSION)

    def close(self) -> None:
        self._db.close()

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """The write lock, then all or nothing."""
        return self._db.transaction()

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Of a read; for what keeps other tables of this file (`tenantry.triage.book`, `tenantry.alerts.cursors`)."""
        return self._db.all(sql, *values)

    # --- accepting ----------------------------------------------------------------------------------------------------

    def accept(self, alerts: Sequence[tuple[str, Sealed]], received: datetime) -> list[bool]:
        """Keep alerts, all of them in one transaction, durably. Each is (source, alert).

        Returns:
            for each whether it was known already.
        """
        at = micros(received)
        known = []
        with self.transaction() as db:
            for name, one in alerts:
                row = (one.id, name, rank(one.severity), at, one.body)
                made = db.execute(
                    "INSERT OR IGNORE INTO alerts (id, source, severity, received_us, body) VALUES (?, ?, ?, ?, ?)", row
                )
                known.append(made.rowcount == 0)
        return known

    # --- working on them ----------------------------------------------------------------------------------------------

    def accepted(self, most: int) -> list[AlertRow]:
        """Those that nobody decided on yet, in order."""
        return self._alerts("WHERE state = 'accepted' ORDER BY seq LIMIT ?", most)

    def unrecorded(self, most: int) -> list[AlertRow]:
        """Those that were decided on and do not stand in the record yet."""
        return self._alerts("WHERE recorded = 0 AND state <> 'accepted' ORDER BY seq LIMIT ?", most)

    def recorded(self, rows: Iterable[AlertRow]) -> None:
        """They stand in the record as they were read. One that was decided on anew meanwhile is told again."""
        with self.transaction() as db:
            db.executemany(
                "UPDATE alerts SET recorded = 1 WHERE id = ? AND state = ? AND reason = ?",
                [(row.id, row.state, row.reason) for row in rows],
            )

    def unlaunched(self) -> list[Incident]:
        """Incidents that are to have a run that the record does not know."""
        return self._incidents("WHERE launched = 0 AND run_id IS NOT NULL ORDER BY opened_us")

    def launched(self, incident: str) -> None:
        """Its run stands in the record."""
        with self.transaction() as db:
            db.execute("UPDATE incidents SET launched = 1 WHERE id = ?", (incident,))

    def without_run(self, incident: str, why: str) -> None:
        """Its run cannot be begun: it waits for a person, and so do the alerts that were to begin it."""
        with self.transaction() as db:
            db.execute(
                "UPDATE incidents SET run_id = NULL, runbook = NULL, plan = NULL, launched = 1 WHERE id = ?",
                (incident,),
            )
            db.execute(
                "UPDATE alerts SET state = 'queue', reason = ?, recorded = 0 WHERE incident = ? AND state = 'run'",
                (why, incident),
            )

    def close_incident(self, incident: str, why: str, at: datetime) -> None:
        """Nothing more is merged into it."""
        with self.transaction() as db:
            db.execute(
                "UPDATE incidents SET state = 'closed', closed_us = ?, closed_why = ? WHERE id = ? AND state = 'open'",
                (micros(at), why, incident),
            )
            db.execute("DELETE FROM entities WHERE incident = ?", (incident,))

    # --- looking ------------------------------------------------------------------------------------------------------

    def alert(self, beginning: str) -> AlertRow:
        """An alert by its id or the beginning of it.

        Raises:
            NotFound, InvalidInput: several begin so.
        """
        found = self._alerts("WHERE id >= ? AND id < ? LIMIT 2", beginning, beginning + "g")
        if not found or len(beginning) < 4:
            raise NotFound(
                f"there is no alert {beginning[:40]!r}", place="A", remedy="`tenantry alerts list` names them."
            )
        if len(found) > 1:
            raise InvalidInput("begins the ids of several alerts", place="A")
        return found[0]

    def alerts(self, *, tenant: str | None = None, state: str | None = None, most: int = 200) -> list[AlertRow]:
        """The newest first."""
        return self._alerts(
            "WHERE (? IS NULL OR tenant = ?) AND (? IS NULL OR state = ?) ORDER BY seq DESC LIMIT ?",
            *(tenant, tenant, state, state, most),
        )

    def of_incident(self, incident: str) -> list[AlertRow]:
        return self._alerts("WHERE incident = ? ORDER BY seq", incident)

    def incident(self, incident: str) -> Incident:
        """Raises NotFound."""
        found = self._incidents("WHERE id = ?", incident)
        if not found:
            raise NotFound(f"there is no incident {incident[:40]!r}")
        return found[0]

    def incidents(self, *, tenant: str | None = None, every: bool = False) -> list[Incident]:
        """Open ones, the worst and among those the oldest first."""
        return self._incidents(
            "WHERE (? IS NULL OR tenant = ?) AND (? OR state = 'open') ORDER BY severity DESC, opened_us",
            *(tenant, tenant, every),
        )

    def counts(self) -> dict[str, int]:
        """How many alerts stand how."""
        return {str(row[0]): int(row[1]) for row in self._db.all("SELECT state, count(*) FROM alerts GROUP BY state")}

    # --- suppressions -------------------------------------------------------------------------------------------------

    def suppress(
        self,
        *,
        tenant: str | None,
        source: str | None,
        fingerprint: bytes | None,
        reason: str,
        by: str,
        now: datetime,
        until: datetime,
    ) -> int:
        """Its number."""
        with self.transaction() as db:
            made = db.execute(
                "INSERT INTO suppressions (tenant, source, fingerprint, reason, by, made_us, until_us) VALUES (?,?,?,?,?,?,?)",
                (tenant, source, fingerprint, reason, by, micros(now), micros(until)),
            )
            return int(made.lastrowid or 0)

    def lift(self, number: int, now: datetime) -> None:
        """Raises NotFound: there is none, or it is over."""
        with self.transaction() as db:
            done = db.execute(
                "UPDATE suppressions SET lifted_us = ? WHERE id = ? AND lifted_us IS NULL AND until_us > ?",
                (micros(now), number, micros(now)),
            )
            if not done.rowcount:
                raise NotFound(f"there is no suppression {number} in force", place="NUMBER")

    def suppressions(self, now: datetime) -> list[Suppression]:
        """Those in force."""
        rows = self._db.all(
            "SELECT * FROM suppressions WHERE lifted_us IS NULL AND until_us > ? ORDER BY id", micros(now)
        )
        return [
            Suppression(
                *(row["id"], row["tenant"], row["source"], row["fingerprint"], row["reason"], row["by"]),
                *(moment(row["made_us"]), moment(row["until_us"])),
            )
            for row in rows
        ]

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _alerts(self, where: str, *values: Any) -> list[AlertRow]:
        return [_alert(row) for row in self._db.all(f"SELECT * FROM alerts {where}", *values)]  # noqa: S608  # our own text

    def _incidents(self, where: str, *values: Any) -> list[Incident]:
        return [incident_of(row) for row in self._db.all(f"SELECT * FROM incidents {where}", *values)]  # noqa: S608  # as above


def _alert(row: sqlite3.Row) -> AlertRow:
    return AlertRow(
        seq=row["seq"],
        id=row["id"],
        source=row["source"],
        severity=SEVERITIES[row["severity"]],
        received=moment(row["received_us"]),
        state=row["state"],
        tenant=row["tenant"],
        incident=row["incident"],
        reason=row["reason"] or "",
        fingerprint=row["fingerprint"],
        body=row["body"],
        decided=moment(row["decided_us"]) if row["decided_us"] is not None else None,
    )


def incident_of(row: sqlite3.Row) -> Incident:
    """A row of ``incidents``."""
    return Incident(
        id=row["id"],
        tenant=row["tenant"],
        state=row["state"],
        severity=SEVERITIES[row["severity"]],
        opened=moment(row["opened_us"]),
        last=moment(row["last_us"]),
        alerts=row["alerts"],
        rule=row["rule"],
        runbook=row["runbook"],
        run_id=row["run_id"],
        plan=row["plan"],
        launched=bool(row["launched"]),
        person=row["person"],
        closed_why=row["closed_why"],
    )


def micros(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def moment(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1_000_000, UTC)
