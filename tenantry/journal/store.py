"""The record in SQL: SQLite (WAL, synchronous=FULL) or PostgreSQL, through SQLAlchemy Core.

One transaction appends one batch: entries, payloads and the tree's head together, or nothing. Writers of one tree are
serialised by its row in ``trees``; trees of different tenants do not queue behind each other on PostgreSQL.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tenantry.clock import Clock, SystemClock, parse_rfc3339, rfc3339
from tenantry.errors import InvalidInput, JournalCorrupt, LeaseLost, NotFound, Refused
from tenantry.journal import schema
from tenantry.journal.entry import (
    ERASED,
    GENESIS,
    KEPT_FOR_GOOD,
    Draft,
    Entry,
    Event,
    Opener,
    Record,
    Sealer,
    build,
    draft,
    load,
)
from tenantry.journal.lease import LIFE, Fence, Lease, LeaseHeld, known_dead, this_process
from tenantry.journal.marks import Kept, nothing_kept
from tenantry.journal.migrate import migrate
from tenantry.journal.sql import Prepared, Transaction, Writing, mapped, open_engine
from tenantry.journal.verify import Verification, Verifier
from tenantry.names import MSP


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


class _Statements:
    """What an append executes, compiled once."""

    def __init__(self, dialect: sa.Dialect) -> None:
        insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
        trees, leases = schema.trees, schema.leases
        self.tree = Prepared(
            sa.select(trees.c.tree, trees.c.size, trees.c.head, trees.c.last_ts)
            .where(trees.c.tenant == sa.bindparam("tenant"))
            .with_for_update(),
            dialect,
        )
        # Two first writers of a tenant may meet: the one that waited finds the other's row.
        self.new_tree = Prepared(insert(trees).on_conflict_do_nothing(), dialect)
        self.grow = Prepared(
            trees.update()
            .where(trees.c.tree == sa.bindparam("at"))
            .values({name: sa.bindparam(f"new_{name}") for name in ("size", "head", "last_ts")}),
            dialect,
        )
        self.entry = Prepared(schema.entries.insert(), dialect)
        self.payload = Prepared(schema.payloads.insert(), dialect)
        self.run = Prepared(insert(schema.runs).on_conflict_do_nothing(), dialect)
        self.stand = Prepared(
            schema.runs.update()
            .where(schema.runs.c.run_id == sa.bindparam("at_run"))
            .values(standing=sa.bindparam("new_standing"), due_us=sa.bindparam("new_due")),
            dialect,
        )
        self.due = Prepared(
            schema.runs.update()
            .where(
                schema.runs.c.run_id == sa.bindparam("at_run"), schema.runs.c.standing == sa.bindparam("at_standing")
            )
            .values(due_us=sa.bindparam("new_due")),
            dialect,
        )
        self.hold = Prepared(
            leases.update()
            .where(leases.c.run_id == sa.bindparam("at_run"), leases.c.token == sa.bindparam("at_token"))
            .values(expires_us=sa.bindparam("until")),
            dialect,
        )
        self.new_lease = Prepared(insert(leases).on_conflict_do_nothing(), dialect)


class Journal:
    """Thread-safe; one per process. Synchronous: the engine appends through :class:`~tenantry.journal.writer.Writer`.

    Args:
        url: SQLAlchemy address of the database.
        key: tenant name (or :data:`MSP`) → 256-bit key of that tenant's payloads.
        clock: wall and monotonic time.
    """

    def __init__(self, url: str, key: Callable[[str], bytes], clock: Clock | None = None) -> None:
        self.url = url
        self._key = key
        self._keys: dict[str, bytes] = {}
        self._sealers: dict[str, Sealer] = {}
        self.clock: Clock = clock or SystemClock()
        self._engine = open_engine(url)
        self._writing = self._engine.execution_options(write=True)
        self._sql = _Statements(self._engine.dialect)
        self._direct = Writing(self._engine) if self._engine.dialect.name == "sqlite" else None
        self._owner = this_process()
        with mapped("open the journal"):
            migrate(self._engine)

    def close(self) -> None:
        if self._direct is not None:
            self._direct.close()
        self._engine.dispose()

    def _tenant_key(self, tenant: str) -> bytes:
        if tenant not in self._keys:
            self._keys[tenant] = self._key(tenant)
        return self._keys[tenant]

    # --- appending ----------------------------------------------------------------------------------------------------

    def append(
        self, tenant: str, events: Sequence[Event] | Sequence[Draft], *, fence: Fence | None = None
    ) -> list[Entry]:
        """Append a batch; returns once it is durable.

        Args:
            fence: the appender's lease. Checked and renewed in the same transaction.

        Returns:
            one entry for each event, in order.

        Raises:
            InvalidInput: an event cannot be recorded exactly, or a run of this id was created before.
            LeaseLost: somebody else owns the run now.
            JournalUnavailable: disk full, database locked or gone.
            In each case nothing was appended.
        """
        drafts = [event if isinstance(event, Draft) else draft(event) for event in events]
        if not drafts:
            return []
        self._tenant_key(tenant)  # before the write lock is held: whoever gives the key may have to record that it did
        with mapped("append to the journal"), self._direct or self._writing.begin() as db:
            if fence is not None:
                self._hold(db, fence, fence.life)
            return self._append(db, tenant, drafts)

    def _append(self, db: Transaction, tenant: str, drafts: Sequence[Draft]) -> list[Entry]:
        sealing = self._sealers.get(tenant) or self._sealers.setdefault(tenant, Sealer(self._tenant_key(tenant)))
        tree, size, head, last_ts = self._tree(db, tenant)
        entries: list[Entry] = []
        entry_rows: list[dict[str, Any]] = []
        payload_rows: list[dict[str, Any]] = []

        def add(one: Draft, ts: str) -> Entry:
            nonlocal size, head, last_ts
            entry_id = secrets.token_hex(16)
            sealed, payload_digest = sealing.seal(one.payload, entry_id)
            entry = build(
                one.event,
                tree=tree,
                seq=size,
                entry_id=entry_id,
                ts=ts,
                mono_us=self.clock.monotonic_us(),
                payload_digest=payload_digest,
                prev=head,
            )
            run_id = one.event.run_id
            entry_rows.append(
                {"tree": tree, "seq": size, "id": entry_id, "run_id": run_id, "body": entry.body, "leaf": entry.leaf}
            )
            payload_rows.append({"entry_id": entry_id, "sealed": sealed})
            size, head, last_ts = size + 1, entry.leaf.hex(), ts
            return entry

        for one in drafts:
            ts = rfc3339(self.clock.now())
            if ts < last_ts:
                # A clock that stepped back is itself part of the record, before the entry that shows it.
                add(draft(Event("clock.stepped_back", {"was": last_ts, "is": ts})), ts)
            entry = add(one, ts)
            entries.append(entry)
            if one.event.event in _STANDING:
                self._index(db, one.event, tree, ts)
        self._sql.entry.many(db, entry_rows)
        self._sql.payload.many(db, payload_rows)
        self._sql.grow(db, {"at": tree, "new_size": size, "new_head": head, "new_last_ts": last_ts})
        return entries

    def _index(self, db: Transaction, event: Event, tree: str, ts: str) -> None:
        """Keep the rows of runs with what their entries say."""
        if event.event == "approval.decided":
            # Somebody answered: worth another look from now on, if the run still waits by then.
            values = {"at_run": event.run_id, "at_standing": "waiting_for_approval", "new_due": _us(ts)}
            self._sql.due(db, values)
            return
        if event.event != "run.created":
            standing = "running" if event.event == "run.attempt" else event.outcome
            due = event.payload.get("due")
            new = {"new_standing": standing, "new_due": None if due is None else _us(due)}
            self._sql.stand(db, {"at_run": event.run_id, **new})
            return
        row = {
            "run_id": event.run_id,
            "tree": tree,
            "runbook": event.flow[0] if event.flow else "",
            "created_at": ts,
            "standing": "created",
            "due_us": None,
        }
        if self._sql.run(db, row) != 1:
            raise InvalidInput(f"there is a run {event.run_id} already")

    def _tree(self, db: Transaction, tenant: str) -> tuple[str, int, str, str]:
        """The tenant's tree, locked until the transaction ends: id, size, head, time of the newest entry."""
        values = {"tenant": tenant}
        row = self._sql.tree.row(db, values)
        if row is None:
            fresh = {"tree": self._tree_id(tenant), "tenant": tenant, "size": 0, "head": GENESIS, "last_ts": ""}
            self._sql.new_tree(db, fresh)
            row = self._sql.tree.row(db, values)
            if row is None:
                raise JournalCorrupt(f"the tree of {tenant} belongs to another tenant")
        tree, size, head, last_ts = row
        return tree, size, head, last_ts

    def _tree_id(self, tenant: str) -> str:
        """What entries name instead of the tenant: opaque to whoever lacks the MSP's key, which outlives every client's.
        So a tree shows whose it is also after that client's key was destroyed."""
        return hmac.new(self._tenant_key(MSP), b"tree\0" + tenant.encode(), hashlib.sha256).hexdigest()[:16]

    # --- erasing ------------------------------------------------------------------------------------------------------

    def erase(
        self, tenant: str, entry_ids: Sequence[str], *, by: str, reason: str, evidence: Sequence[str] = ()
    ) -> Entry:
        """Erase payloads for good, and record who did and why. The entries stay, and so verify.

        Args:
            entry_ids: entries of this tenant whose payloads are there.
            evidence: digests of collected files that are erased with them.

        Raises:
            NotFound: one of them is not an entry of this tenant, or its payload was erased before.
            Refused: one of them records an erasure or a signature.
        """
        table = schema.payloads
        wanted = sorted(set(entry_ids))
        self._tenant_key(tenant)
        with mapped("erase payloads"), self._writing.begin() as db:
            tree = self._tree(db, tenant)[0]
            for entry_id in wanted:
                body = db.execute(
                    sa.select(schema.entries.c.body).where(
                        schema.entries.c.id == entry_id, schema.entries.c.tree == tree
                    )
                ).scalar()
                if body is None:
                    raise NotFound(f"{tenant} has no entry {entry_id}")
                if load(body).event in KEPT_FOR_GOOD:
                    raise Refused("what was erased, by whom and why, and what was signed, stays in the record")
                done = db.execute(
                    table.update().where(table.c.entry_id == entry_id, table.c.sealed != ERASED).values(sealed=ERASED)
                )
                if done.rowcount != 1:
                    raise NotFound(f"the payload of entry {entry_id} was erased before")
            said = {"entries": wanted, "evidence": sorted(evidence), "by": by, "reason": reason}
            event = Event("payload.erased", said)
            (entry,) = self._append(db, tenant, [draft(event)])
        if self._engine.dialect.name == "sqlite":
            # The write-ahead log still holds the page as it was.
            with mapped("erase payloads"), self._engine.connect() as db:
                db.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return entry

    # --- reading ------------------------------------------------------------------------------------------------------

    def run(self, run_id: str) -> RunIndex:
        """Raises NotFound."""
        with mapped("read the journal"), self._engine.connect() as db:
            row = db.execute(_runs().where(schema.runs.c.run_id == run_id)).one_or_none()
            if row is None:
                rows = db.execute(
                    _runs().where(schema.runs.c.run_id.startswith(run_id, autoescape=True)).limit(2)
                ).all()
                row = rows[0] if len(rows) == 1 and len(run_id) >= 6 else None
        if row is None:
            raise NotFound(f"there is no run {run_id!r}")
        return RunIndex(row.run_id, row.tenant, row.runbook, row.created_at, row.standing)

    def runs(self, tenant: str | None = None, limit: int | None = None) -> list[RunIndex]:
        """Newest first."""
        query = _runs().order_by(schema.runs.c.created_at.desc(), schema.runs.c.run_id).limit(limit)
        if tenant is not None:
            query = query.where(schema.trees.c.tenant == tenant)
        with mapped("read the journal"), self._engine.connect() as db:
            return [RunIndex(r.run_id, r.tenant, r.runbook, r.created_at, r.standing) for r in db.execute(query)]

    def records(self, run_id: str, after: int = -1) -> list[Record]:
        """What was recorded of one run after a sequence number (everything, by default), in order, payloads opened."""
        tenant = self.run(run_id).tenant
        entries = schema.entries.c
        where = (schema.trees.c.tenant == tenant) & (entries.run_id == run_id) & (entries.seq > after)
        return list(self._records(tenant, where))

    def tail(self, tenant: str, after: int = -1, limit: int | None = None) -> list[Record]:
        """Entries of a tenant's tree after a sequence number, in order."""
        where = (schema.trees.c.tenant == tenant) & (schema.entries.c.seq > after)
        return list(self._records(tenant, where, limit))

    def _records(self, tenant: str, where: sa.ColumnElement[bool], limit: int | None = None) -> Iterator[Record]:
        opener = Opener(self._tenant_key(tenant))
        paired, payload = schema.sealed_beside(self._engine.dialect)
        query = (
            sa.select(schema.entries.c.body, schema.entries.c.leaf, payload)
            .select_from(paired.join(schema.trees, schema.trees.c.tree == schema.entries.c.tree))
            .where(where)
            .order_by(schema.entries.c.seq)
            .limit(limit)
        )
        with mapped("read the journal"), self._engine.connect() as db:
            for body, leaf, sealed in db.execute(query):
                entry = load(body)
                if entry.leaf != leaf:
                    raise JournalCorrupt(f"entry {entry.id} is not the one recorded", entry=entry.id)
                if sealed is None:
                    raise JournalCorrupt(f"the payload of entry {entry.id} is missing", entry=entry.id)
                yield Record(entry, None) if sealed == ERASED else opener.record(sealed, entry)

    def verify(self, *, kept: Kept = nothing_kept) -> Verification:
        """Walk the whole record: order, chain, leaves, payloads, and the rows that are derived from them.

        Any single entry, payload or row that was altered, exchanged or removed is found. Payloads erased through
        :meth:`erase` are fine; those of a tenant whose key was destroyed are counted as ``unopened``.

        Args:
            kept: tree → the newest signed checkpoint kept outside the database: what it lacks was taken from the record.
        """
        return Verifier(self._payload_key, self._tree_id, kept).verify(self._engine)

    def _payload_key(self, tenant: str) -> bytes | None:
        """None when the key was destroyed."""
        try:
            return self._tenant_key(tenant)
        except NotFound:
            return None

    def unsettled(self) -> list[Unsettled]:
        """Runs that may need somebody: none of them has ended, is paused by a failed step, or waits for a person whose time has
        not come. Oldest first."""
        runs, leases = schema.runs.c, schema.leases.c
        now = self._now_us()
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
                | ((runs.standing == "waiting_for_approval") & (runs.due_us <= now))
            )
            .order_by(runs.created_at)
        )
        with mapped("read the journal"), self._engine.connect() as db:
            return [
                Unsettled(
                    row.run_id,
                    row.tenant,
                    row.runbook,
                    row.standing,
                    parse_rfc3339(row.created_at),
                    None if row.due_us is None else (now - row.due_us) / 1e6,
                    bool(row.expires_us) and row.expires_us > now and not known_dead(row.owner),
                )
                for row in db.execute(query)
            ]

    # --- leases -------------------------------------------------------------------------------------------------------

    def acquire(self, run_id: str, life: float = LIFE) -> Lease:
        """Become the run's owner.

        Raises:
            LeaseHeld: another process owns it and is not known to be dead.
        """
        table = schema.leases
        now = self._now_us()
        with mapped("take the run's lease"), self._writing.begin() as db:
            row = db.execute(sa.select(table).where(table.c.run_id == run_id).with_for_update()).one_or_none()
            expires = now + int(life * 1e6)
            if row is None:
                first = {"run_id": run_id, "token": 1, "owner": self._owner, "expires_us": expires}
                if self._sql.new_lease(db, first) != 1:
                    raise LeaseHeld("another process", life)
                return Lease(Fence(run_id, 1, life), taken_over=False)
            if row.expires_us > now and not known_dead(row.owner):
                raise LeaseHeld(row.owner, (row.expires_us - now) / 1e6)
            db.execute(
                table.update()
                .where(table.c.run_id == run_id)
                .values(token=row.token + 1, owner=self._owner, expires_us=expires)
            )
            return Lease(Fence(run_id, row.token + 1, life), taken_over=row.expires_us != 0)

    def renew(self, fence: Fence, life: float | None = None) -> None:
        """Keep the lease for ``life`` more seconds; as long as it was taken for, when omitted. Raises LeaseLost."""
        with mapped("renew the run's lease"), self._direct or self._writing.begin() as db:
            self._hold(db, fence, fence.life if life is None else life)

    def _hold(self, db: Transaction, fence: Fence, life: float) -> None:
        until = self._now_us() + int(life * 1e6)
        if self._sql.hold(db, {"at_run": fence.run_id, "at_token": fence.token, "until": until}) != 1:
            raise LeaseLost(f"the run {fence.run_id} has another owner now")

    def release(self, fence: Fence) -> None:
        """Give the run up; losing the lease meanwhile is no error."""
        table = schema.leases
        with mapped("release the run's lease"), self._writing.begin() as db:
            db.execute(
                table.update().where(table.c.run_id == fence.run_id, table.c.token == fence.token).values(expires_us=0)
            )

    def live(self, run_id: str) -> bool:
        """Whether some process owns the run and is not known to be dead."""
        table = schema.leases
        with mapped("read the run's lease"), self._engine.connect() as db:
            row = db.execute(sa.select(table).where(table.c.run_id == run_id)).one_or_none()
        return row is not None and row.expires_us > self._now_us() and not known_dead(row.owner)

    def _now_us(self) -> int:
        return int(self.clock.now().timestamp() * 1e6)

    # --- freezing -----------------------------------------------------------------------------------------------------

    def freeze(self, scope: str, by: str, reason: str) -> None:
        """Stop every effect for one tenant, or everywhere (``*``)."""
        self._tenant_key(_freeze_tree(scope))
        with mapped("freeze"), self._writing.begin() as db:
            why = {"scope": scope, "by": by, "reason": reason}
            (entry,) = self._append(db, _freeze_tree(scope), [draft(Event("freeze", why))])
            db.execute(schema.freezes.delete().where(schema.freezes.c.scope == scope))
            db.execute(schema.freezes.insert(), why | {"since": entry.fields["ts"]})

    def unfreeze(self, scope: str, by: str) -> bool:
        """Returns False when nothing was frozen."""
        self._tenant_key(_freeze_tree(scope))
        with mapped("unfreeze"), self._writing.begin() as db:
            done = db.execute(schema.freezes.delete().where(schema.freezes.c.scope == scope))
            if done.rowcount == 0:
                return False
            self._append(db, _freeze_tree(scope), [draft(Event("unfreeze", {"scope": scope, "by": by}))])
            return True

    def frozen(self, tenant: str) -> dict[str, str] | None:
        """The freeze in force for a tenant: ``{scope, since, by, reason}``, or None."""
        table = schema.freezes
        with mapped("read the freezes"), self._engine.connect() as db:
            row = db.execute(sa.select(table).where(table.c.scope.in_([tenant, schema.EVERYWHERE]))).first()
        return None if row is None else dict(row._mapping)


_STANDING: Final = frozenset({"run.created", "run.attempt", "run.stopped", "run.ended", "approval.decided"})
"""Events that the rows of runs are kept with."""


_OPEN: Final = frozenset({"created", "running", "waiting_for_approval", "interrupted", "paused_by_failed_step"})


def _us(ts: str) -> int:
    return int(parse_rfc3339(ts).timestamp() * 1e6)


def _freeze_tree(scope: str) -> str:
    """Whose tree a freeze is recorded in."""
    return MSP if scope == schema.EVERYWHERE else scope


def _runs() -> sa.Select[Any]:
    return sa.select(schema.runs, schema.trees.c.tenant).join(schema.trees, schema.trees.c.tree == schema.runs.c.tree)
