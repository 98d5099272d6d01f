"""Deciding what becomes of each accepted alert: a run, the queue, merged, or suppressed, always with a reason, for ever.

All of a batch is decided in one transaction of ``alerts.db``; what that says is what happened, and the client's record is told afterwards
(`tenantry.alerts.record`). Killed before the commit, nothing was decided; killed after it, the reconciler finds what is left to do.
Ids of incidents and runs follow from the alert's, so deciding twice would come to the same.

In this order, the first that fits:

1. nobody's: no client has the id that it names → queue of the estate
2. suppressed by a person, until a day, for a reason
3. over, says the source → merged into what is open; suppressed where nothing is
4. about something of that client that an incident is open for → merged; an incident without a run may get one by it
5. a rule starts a run (`tenantry.alerts.rules`), unless the client agreed to nothing, or a storm is on → run
6. queue
"""

from __future__ import annotations

import hashlib
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretBytes

from tenantry.alerts.message import close_for, open_from_intake
from tenantry.alerts.model import Alert, Entity, fingerprint
from tenantry.alerts.rules import Plan, Rule, plan
from tenantry.alerts.store import AlertRow, AlertStore, Incident, State, Suppression, incident_of, micros
from tenantry.drop.seal import Opening
from tenantry.errors import RecordError
from tenantry.names import MSP
from tenantry.sweep.model import rank

__all__ = ["Decided", "Desk", "Limits", "Surroundings", "plan_of"]

_NAMESPACE: Final = uuid.UUID("5f0e2d7c-5d0f-4f2e-8f5a-6f0e3c1b9a44")
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Limits:
    """When alerts are too many to be believed.

    Attributes:
        same: how long what tells the same again counts as the same.
        over: how long after its run's end an incident takes what is about the same.
        storm: time in which runs are counted.
        runs_of_one: runs that alerts may begin for one client within it; beyond that a person looks.
        runs: the same for all clients together.
    """

    same: timedelta = timedelta(hours=1)
    over: timedelta = timedelta(hours=4)
    storm: timedelta = timedelta(minutes=10)
    runs_of_one: int = 30
    runs: int = 100


class Surroundings(Protocol):
    """What the desk asks of the installation."""

    def tenant_of(self, source: str, customer: str | None) -> str | None:
        """Whose an alert is; None: nobody's."""
        ...

    def unattended(self, tenant: str) -> str:
        """What the client agreed may happen by itself: none, read or reversible."""
        ...

    def key(self, tenant: str) -> bytes:
        """Of the tenant, for alerts."""
        ...

    def ended(self, run_id: str) -> bool:
        """Whether a run is over, by the record."""
        ...

    def rules(self) -> Sequence[Rule]: ...


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of one alert."""

    id: str
    source: str
    tenant: str
    state: State
    reason: str
    incident: str | None
    alert: Alert | None
    raw_digest: str


class Desk:
    """One for an installation. Not to be used by two threads at once.

    Args:
        private: the key that accepted alerts are sealed to.
        clock: the current time.
    """

    def __init__(
        self,
        store: AlertStore,
        around: Surroundings,
        private: SecretBytes,
        clock: Callable[[], datetime],
        limits: Limits | None = None,
    ) -> None:
        self._store = store
        self._around = around
        self._opening = Opening(private)
        self._clock = clock
        self._limits = limits or Limits()

    def decide(self) -> list[Decided]:
        """Decide on what was accepted, some hundreds at most; the worst first, so that in a storm they are not behind the rest.

        Raises:
            RecordError, TenantryError: nothing was decided.
        """
        rows = self._store.accepted(_BATCH)
        if not rows:
            return []
        now = self._clock()
        # Read before the write lock is taken, which whoever accepts alerts waits for.
        opened = [(row, *self._opened(row)) for row in sorted(rows, key=lambda row: (-rank(row.severity), row.seq))]
        batch = _Batch(self._around.rules(), self._store.suppressions(now), now)
        kept = [self._placed(row, alert, raw) for row, alert, raw in opened]
        with self._store.transaction() as db:
            return [self._decide(db, batch, *one) for one in kept]

    def _opened(self, row: AlertRow) -> tuple[Alert | None, bytes]:
        try:
            return open_from_intake(row.id, row.body or b"", self._opening)
        except RecordError:
            return None, b""

    def _placed(
        self, row: AlertRow, alert: Alert | None, raw: bytes
    ) -> tuple[AlertRow, Alert | None, str, bytes | None, str]:
        """With whose it is, and sealed for them."""
        tenant = self._around.tenant_of(row.source, alert.customer) if alert is not None else None
        whose = tenant or MSP
        body = close_for(self._around.key(whose), row.id, alert, raw) if alert is not None else row.body
        return row, alert, whose, body, hashlib.sha256(raw).hexdigest()

    def _decide(
        self,
        db: sqlite3.Connection,
        batch: _Batch,
        row: AlertRow,
        alert: Alert | None,
        tenant: str,
        body: bytes | None,
        digest: str,
    ) -> Decided:
        now = batch.now
        state: State
        incident: str | None
        mark = fingerprint(row.source, tenant, alert) if alert is not None else b""
        if alert is None:
            state, reason, incident = "queue", "it cannot be read: a person looks at where it came from", None
        elif tenant == MSP:
            state, reason, incident = "queue", f"no client is called so at {row.source}", None
        elif (
            by := next((one for one in batch.suppressions if one.covers(tenant, row.source, mark)), None)
        ) is not None:
            state, incident = "suppressed", None
            reason = f"by {by.by} until {by.until:%Y-%m-%d %H:%M} UTC (suppression {by.id}): {by.reason}"
        else:
            state, reason, incident = self._correlated(db, batch, row, alert, tenant, mark)
        db.execute(
            "UPDATE alerts SET state = ?, reason = ?, tenant = ?, incident = ?, fingerprint = ?, decided_us = ?, body = ? WHERE id = ?",
            (state, reason, tenant, incident, mark, micros(now), body, row.id),
        )
        return Decided(row.id, row.source, tenant, state, reason, incident, alert, digest)

    def _correlated(
        self, db: sqlite3.Connection, batch: _Batch, row: AlertRow, alert: Alert, tenant: str, mark: bytes
    ) -> tuple[State, str, str | None]:
        now = batch.now
        keys = _keys(tenant, alert, mark)
        found = self._open(db, tenant, keys, now)
        if alert.resolved:
            if found is None:
                return "suppressed", "its source says that it is over, and nothing is open about it", None
            _add(db, found, alert, tenant, (), now)
            return "merged", "its source says that it is over; what is open goes on until somebody closes it", found.id
        planned = plan(batch.rules, row.source, tenant, alert)
        if planned.runbook is not None:
            planned = self._bounded(db, tenant, planned, now)
        if found is not None:
            _add(db, found, alert, tenant, keys, now)
            if found.run_id is None and planned.runbook is not None:
                self._give_run(db, found.id, tenant, planned)
                return "run", f"{planned.why}; its incident waited for a person until now", found.id
            since = micros(now - self._limits.same)
            same = db.execute(
                "SELECT id FROM alerts WHERE fingerprint = ? AND received_us > ? AND id <> ? AND incident = ? LIMIT 1",
                (mark, since, row.id, found.id),
            ).fetchone()
            told = f"the same as alert {same[0]}" if same is not None else "about the same as what is open"
            return "merged", told, found.id
        made = str(uuid.uuid5(_NAMESPACE, row.id))
        at = micros(now)
        db.execute(
            "INSERT INTO incidents (id, tenant, state, severity, opened_us, last_us, alerts, rule, launched) "
            "VALUES (?, ?, 'open', ?, ?, ?, 1, ?, 1)",
            (made, tenant, rank(alert.severity), at, at, planned.rule),
        )
        _claim(db, tenant, keys, made)
        if planned.runbook is None:
            return "queue", planned.why, made
        self._give_run(db, made, tenant, planned)
        return "run", planned.why, made

    def _open(self, db: sqlite3.Connection, tenant: str, keys: Sequence[bytes], now: datetime) -> Incident | None:
        """The open incident about one of these; one that is long over is closed here."""
        for key in keys:
            row = db.execute(
                "SELECT i.* FROM entities e JOIN incidents i ON i.id = e.incident WHERE e.tenant = ? AND e.entity = ?",
                (tenant, key),
            ).fetchone()
            if row is None:
                continue
            found = incident_of(row)
            old = now - found.last > self._limits.over
            if not (old and found.run_id is not None and found.launched and self._around.ended(found.run_id)):
                return found
            db.execute(
                "UPDATE incidents SET state = 'closed', closed_us = ?, closed_why = ? WHERE id = ?",
                (micros(now), "its run ended, and nothing came about it since", found.id),
            )
            db.execute("DELETE FROM entities WHERE incident = ?", (found.id,))
        return None

    def _bounded(self, db: sqlite3.Connection, tenant: str, planned: Plan, now: datetime) -> Plan:
        """The plan, or why a person has to look instead."""
        if self._around.unattended(tenant) == "none":
            return replace(planned, runbook=None, why=f"{planned.why}, but the client agreed to nothing by itself")
        begun = "SELECT count(*) FROM incidents WHERE run_id IS NOT NULL AND opened_us > ?"
        since = micros(now - self._limits.storm)
        every = db.execute(begun, (since,)).fetchone()[0]
        theirs = db.execute(f"{begun} AND tenant = ?", (since, tenant)).fetchone()[0]
        if theirs >= self._limits.runs_of_one or every >= self._limits.runs:
            minutes = round(self._limits.storm.total_seconds() / 60)
            why = f"{planned.why}, but alerts began {theirs} runs for this client and {every} in all within {minutes} minutes"
            return replace(planned, runbook=None, why=why)
        return planned

    def _give_run(self, db: sqlite3.Connection, incident: str, tenant: str, planned: Plan) -> None:
        run_id = str(uuid.uuid5(_NAMESPACE, f"{incident} run"))
        body = _sealed_plan(self._around.key(tenant), incident, planned)
        db.execute(
            "UPDATE incidents SET run_id = ?, runbook = ?, rule = ?, plan = ?, launched = 0 WHERE id = ?",
            (run_id, planned.runbook, planned.rule, body, incident),
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    rules: Sequence[Rule]
    suppressions: Sequence[Suppression]
    now: datetime


def plan_of(key: bytes, incident: Incident) -> tuple[Mapping[str, Any], str]:
    """Parameters of an incident's run, and the most that it does by itself.

    Raises:
        RecordError: they cannot be read.
    """
    body = incident.plan or b""
    try:
        found = orjson.loads(AESGCM(key).decrypt(body[:12], body[12:], incident.id.encode()))
    except (InvalidTag, ValueError):
        raise RecordError(f"what the incident {incident.id} was to start cannot be read") from None
    return found["params"], found["impact"]


def _sealed_plan(key: bytes, incident: str, planned: Plan) -> bytes:
    # The nonce follows from what is sealed: the same plan of the same incident is the same text.
    text = orjson.dumps({"params": dict(planned.params), "impact": planned.impact}, option=orjson.OPT_SORT_KEYS)
    nonce = hashlib.sha256(incident.encode() + b"\0" + text).digest()[:12]
    return nonce + AESGCM(key).encrypt(nonce, text, incident.encode())


def _keys(tenant: str, alert: Alert, mark: bytes) -> list[bytes]:
    """By what an alert is merged: whom it is about, or, where it names nobody, what it tells. An address is shared by many, and counts
    only where it is all there is."""
    named: list[Entity] = [one for one in alert.entities if one.type != "address"] or list(alert.entities)
    texts = [entity.key() for entity in named] or [f"fingerprint:{mark.hex()}"]
    return [hashlib.sha256(f"{tenant}\0{text}".encode()).digest() for text in texts]


def _claim(db: sqlite3.Connection, tenant: str, keys: Sequence[bytes], incident: str) -> None:
    db.executemany("INSERT OR IGNORE INTO entities VALUES (?, ?, ?)", [(tenant, key, incident) for key in keys])


def _add(
    db: sqlite3.Connection, found: Incident, alert: Alert, tenant: str, keys: Sequence[bytes], now: datetime
) -> None:
    db.execute(
        "UPDATE incidents SET alerts = alerts + 1, last_us = ?, severity = max(severity, ?) WHERE id = ?",
        (micros(now), rank(alert.severity), found.id),
    )
    _claim(db, tenant, keys, found.id)
