"""The record in SQL: SQLite (WAL, synchronous=FULL) or PostgreSQL, through SQLAlchemy Core.

One transaction appends one batch: entries, payloads and the tree's head together, or nothing. Writers of one tree are
serialised by its row in ``trees``; trees of different tenants do not queue behind each other on PostgreSQL.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError, OperationalError

from tenantry.clock import Clock, SystemClock, rfc3339
from tenantry.errors import JournalCorrupt, JournalUnavailable, LeaseLost, NotFound
from tenantry.journal import schema
from tenantry.journal.entry import GENESIS, Entry, Event, Record, build, load, seal, unseal
from tenantry.journal.lease import LIFE, Fence, Lease, LeaseHeld, known_dead, this_process

MSP: Final = "_msp"
"""The tree and key of the MSP itself: people, freezes, what belongs to no client."""


@dataclass(frozen=True, slots=True)
class RunIndex:
    run_id: str
    tenant: str
    runbook: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of walking the record. ``first_bad`` names tree, seq and what is wrong with the first bad entry."""

    entries: int
    ok: bool
    first_bad: dict[str, Any] | None


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
        self.clock: Clock = clock or SystemClock()
        self._engine = _engine(url)
        self._writing = self._engine.execution_options(write=True)
        self._owner = this_process()
        with _mapped("open the journal"):
            _migrate(self._engine, url)

    def close(self) -> None:
        self._engine.dispose()

    def _tenant_key(self, tenant: str) -> bytes:
        if tenant not in self._keys:
            self._keys[tenant] = self._key(tenant)
        return self._keys[tenant]

    # --- appending ----------------------------------------------------------------------------------------------------

    def append(self, tenant: str, events: Sequence[Event], *, fence: Fence | None = None) -> list[Entry]:
        """Append a batch; returns once it is durable.

        Args:
            fence: the appender's lease. Checked and renewed in the same transaction.

        Raises:
            LeaseLost: somebody else owns the run now; nothing was appended.
            JournalUnavailable: disk full, database locked or gone; nothing was appended.
        """
        with _mapped("append to the journal"), self._writing.begin() as db:
            return self._append(db, tenant, events, fence)

    def _append(self, db: Connection, tenant: str, events: Sequence[Event], fence: Fence | None) -> list[Entry]:
        key = self._tenant_key(tenant)
        if fence is not None:
            self._hold(db, fence)
        tree, size, head, last_ts = self._tree(db, tenant)
        rows: list[dict[str, Any]] = []
        sealed_rows: list[dict[str, Any]] = []
        appended: list[Entry] = []
        queue = list(events)
        while queue:
            event = queue.pop(0)
            ts = rfc3339(self.clock.now())
            if ts < last_ts:
                # A clock that stepped back is itself part of the record, before the entry that shows it.
                queue.insert(0, event)
                event = Event("clock.stepped_back", {"was": last_ts, "is": ts})
            last_ts = ts
            entry_id = secrets.token_hex(16)
            sealed, payload_digest = seal(event.payload, key=key, entry_id=entry_id)
            entry = build(
                event,
                tree=tree,
                seq=size,
                entry_id=entry_id,
                ts=ts,
                mono_us=self.clock.monotonic_us(),
                payload_digest=payload_digest,
                prev=head,
            )
            rows.append(
                {
                    "tree": tree,
                    "seq": size,
                    "id": entry_id,
                    "run_id": event.run_id,
                    "body": entry.body,
                    "leaf": entry.leaf,
                }
            )
            sealed_rows.append({"entry_id": entry_id, "sealed": sealed})
            if event.event == "run.created":
                db.execute(
                    schema.runs.insert(),
                    {
                        "run_id": event.run_id,
                        "tree": tree,
                        "runbook": event.flow[0] if event.flow else "",
                        "created_at": ts,
                    },
                )
            size, head = size + 1, entry.leaf.hex()
            appended.append(entry)
        db.execute(schema.entries.insert(), rows)
        db.execute(schema.payloads.insert(), sealed_rows)
        db.execute(
            schema.trees.update().where(schema.trees.c.tree == tree).values(size=size, head=head, last_ts=last_ts)
        )
        return appended

    def _tree(self, db: Connection, tenant: str) -> tuple[str, int, str, str]:
        query = sa.select(schema.trees).where(schema.trees.c.tenant == tenant).with_for_update()
        row = db.execute(query).one_or_none()
        if row is None:
            tree = secrets.token_hex(8)
            db.execute(
                schema.trees.insert(), {"tree": tree, "tenant": tenant, "size": 0, "head": GENESIS, "last_ts": ""}
            )
            return tree, 0, GENESIS, ""
        return row.tree, row.size, row.head, row.last_ts

    # --- reading ------------------------------------------------------------------------------------------------------

    def run(self, run_id: str) -> RunIndex:
        """Raises NotFound."""
        with _mapped("read the journal"), self._engine.connect() as db:
            row = db.execute(_runs().where(schema.runs.c.run_id == run_id)).one_or_none()
            if row is None:
                rows = db.execute(
                    _runs().where(schema.runs.c.run_id.startswith(run_id, autoescape=True)).limit(2)
                ).all()
                row = rows[0] if len(rows) == 1 and len(run_id) >= 6 else None
        if row is None:
            raise NotFound(f"there is no run {run_id!r}")
        return RunIndex(row.run_id, row.tenant, row.runbook, row.created_at)

    def runs(self, tenant: str | None = None, limit: int | None = None) -> list[RunIndex]:
        """Newest first."""
        query = _runs().order_by(schema.runs.c.created_at.desc(), schema.runs.c.run_id).limit(limit)
        if tenant is not None:
            query = query.where(schema.trees.c.tenant == tenant)
        with _mapped("read the journal"), self._engine.connect() as db:
            return [RunIndex(r.run_id, r.tenant, r.runbook, r.created_at) for r in db.execute(query)]

    def records(self, run_id: str) -> list[Record]:
        """Everything recorded of one run, in order, payloads opened."""
        tenant = self.run(run_id).tenant
        where = schema.entries.c.run_id == run_id
        return list(self._records(tenant, where))

    def tail(self, tenant: str, after: int = -1, limit: int | None = None) -> list[Record]:
        """Entries of a tenant's tree after a sequence number, in order."""
        where = (schema.trees.c.tenant == tenant) & (schema.entries.c.seq > after)
        return list(self._records(tenant, where, limit))

    def _records(self, tenant: str, where: sa.ColumnElement[bool], limit: int | None = None) -> Iterator[Record]:
        key = self._tenant_key(tenant)
        query = (
            sa.select(schema.entries.c.body, schema.payloads.c.sealed)
            .select_from(
                schema.entries.join(schema.trees, schema.trees.c.tree == schema.entries.c.tree).outerjoin(
                    schema.payloads, schema.payloads.c.entry_id == schema.entries.c.id
                )
            )
            .where(where)
            .order_by(schema.entries.c.seq)
            .limit(limit)
        )
        with _mapped("read the journal"), self._engine.connect() as db:
            for body, sealed in db.execute(query):
                entry = load(body)
                yield Record(entry, None if sealed is None else unseal(sealed, key=key, entry=entry))

    def verify(self) -> Verification:
        """Walk the whole record: sequence, chain, leaf and payload digests. Payloads erased on purpose are fine."""
        count = 0
        with _mapped("read the journal"), self._engine.connect() as db:
            for tree in db.execute(sa.select(schema.trees).order_by(schema.trees.c.tree)).all():
                problem, seen = self._verify_tree(db, tree)
                count += seen
                if problem is not None:
                    return Verification(count, ok=False, first_bad=problem)
        return Verification(count, ok=True, first_bad=None)

    def _verify_tree(self, db: Connection, tree: Any) -> tuple[dict[str, Any] | None, int]:
        key = self._tenant_key(tree.tenant)
        query = (
            sa.select(schema.entries, schema.payloads.c.sealed)
            .outerjoin(schema.payloads, schema.payloads.c.entry_id == schema.entries.c.id)
            .where(schema.entries.c.tree == tree.tree)
            .order_by(schema.entries.c.seq)
            .execution_options(yield_per=1000)
        )
        expected, head = 0, GENESIS
        for row in db.execute(query):
            why = None
            try:
                entry = load(row.body)
                if row.seq != expected or entry.seq != row.seq:
                    why = f"entry {expected} is missing"
                elif entry.leaf != row.leaf or entry.id != row.id or entry.fields["tree"] != tree.tree:
                    why = "the entry is not the one recorded"
                elif entry.fields["prev"] != head:
                    why = "the entry does not follow the one before it"
                elif row.sealed is not None:
                    unseal(row.sealed, key=key, entry=entry)
            except (ValueError, KeyError, JournalCorrupt) as error:
                why = str(error)
            if why is not None:
                return {"tree": tree.tree, "seq": expected, "why": why}, expected
            expected, head = expected + 1, entry.leaf.hex()
        if expected != tree.size or head != tree.head:
            return {"tree": tree.tree, "seq": expected, "why": "entries are missing at the end"}, expected
        return None, expected

    # --- leases -------------------------------------------------------------------------------------------------------

    def acquire(self, run_id: str, life: float = LIFE) -> Lease:
        """Become the run's owner.

        Raises:
            LeaseHeld: another process owns it and is not known to be dead.
        """
        table = schema.leases
        now = self._now_us()
        with _mapped("take the run's lease"), self._writing.begin() as db:
            row = db.execute(sa.select(table).where(table.c.run_id == run_id).with_for_update()).one_or_none()
            expires = now + int(life * 1e6)
            if row is None:
                try:
                    db.execute(
                        table.insert(), {"run_id": run_id, "token": 1, "owner": self._owner, "expires_us": expires}
                    )
                except sa.exc.IntegrityError as error:
                    raise LeaseHeld("another process", life) from error
                return Lease(Fence(run_id, 1), taken_over=False)
            if row.expires_us > now and not known_dead(row.owner):
                raise LeaseHeld(row.owner, (row.expires_us - now) / 1e6)
            db.execute(
                table.update()
                .where(table.c.run_id == run_id)
                .values(token=row.token + 1, owner=self._owner, expires_us=expires)
            )
            return Lease(Fence(run_id, row.token + 1), taken_over=row.expires_us != 0)

    def renew(self, fence: Fence, life: float = LIFE) -> None:
        """Raises LeaseLost."""
        with _mapped("renew the run's lease"), self._writing.begin() as db:
            self._hold(db, fence, life)

    def _hold(self, db: Connection, fence: Fence, life: float = LIFE) -> None:
        table = schema.leases
        done = db.execute(
            table.update()
            .where(table.c.run_id == fence.run_id, table.c.token == fence.token)
            .values(expires_us=self._now_us() + int(life * 1e6))
        )
        if done.rowcount != 1:
            raise LeaseLost(f"the run {fence.run_id} has another owner now")

    def release(self, fence: Fence) -> None:
        """Give the run up; losing the lease meanwhile is no error."""
        table = schema.leases
        with _mapped("release the run's lease"), self._writing.begin() as db:
            db.execute(
                table.update().where(table.c.run_id == fence.run_id, table.c.token == fence.token).values(expires_us=0)
            )

    def live(self, run_id: str) -> bool:
        """Whether some process owns the run and is not known to be dead."""
        table = schema.leases
        with _mapped("read the run's lease"), self._engine.connect() as db:
            row = db.execute(sa.select(table).where(table.c.run_id == run_id)).one_or_none()
        return row is not None and row.expires_us > self._now_us() and not known_dead(row.owner)

    def _now_us(self) -> int:
        return int(self.clock.now().timestamp() * 1e6)

    # --- freezing -----------------------------------------------------------------------------------------------------

    def freeze(self, scope: str, by: str, reason: str) -> None:
        """Stop every effect for one tenant, or everywhere (``*``)."""
        with _mapped("freeze"), self._writing.begin() as db:
            db.execute(schema.freezes.delete().where(schema.freezes.c.scope == scope))
            since = rfc3339(self.clock.now())
            db.execute(schema.freezes.insert(), {"scope": scope, "since": since, "by": by, "reason": reason})
            tenant = MSP if scope == "*" else scope
            self._append(db, tenant, [Event("freeze", {"scope": scope, "by": by, "reason": reason})], None)

    def unfreeze(self, scope: str, by: str) -> bool:
        """Returns False when nothing was frozen."""
        with _mapped("unfreeze"), self._writing.begin() as db:
            done = db.execute(schema.freezes.delete().where(schema.freezes.c.scope == scope))
            if done.rowcount == 0:
                return False
            self._append(db, MSP if scope == "*" else scope, [Event("unfreeze", {"scope": scope, "by": by})], None)
            return True

    def frozen(self, tenant: str) -> dict[str, str] | None:
        """The freeze in force for a tenant: ``{scope, since, by, reason}``, or None."""
        table = schema.freezes
        with _mapped("read the freezes"), self._engine.connect() as db:
            row = db.execute(sa.select(table).where(table.c.scope.in_([tenant, "*"]))).first()
        return None if row is None else dict(row._mapping)


def _runs() -> sa.Select[Any]:
    return sa.select(schema.runs, schema.trees.c.tenant).join(schema.trees, schema.trees.c.tree == schema.runs.c.tree)


def _engine(url: str) -> sa.Engine:
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_pre_ping=True)
    engine = sa.create_engine(url, connect_args={"timeout": 30.0, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's begin below decides, not the driver
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # IMMEDIATE for writers: a reader that upgrades to a writer cannot wait for the lock, one that begins as one can.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")

    return engine


def _migrate(engine: sa.Engine, url: str) -> None:
    with engine.connect() as db:
        if sa.inspect(db).has_table("alembic_version"):
            version = db.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
            if version == schema.HEAD:
                return
    from tenantry.journal.migrate import upgrade  # Alembic costs 0.2 s: only when there is something to migrate

    upgrade(engine, url)


@contextlib.contextmanager
def _mapped(doing: str) -> Iterator[None]:
    """Database errors become ours at this edge."""
    try:
        yield
    except OperationalError as error:
        raise JournalUnavailable(f"cannot {doing}: {error.orig}") from error
    except DatabaseError as error:
        raise JournalCorrupt(f"cannot {doing}: {error.orig}") from error
