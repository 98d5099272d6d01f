"""The record in SQL: SQLite (WAL, synchronous=FULL) or PostgreSQL, through SQLAlchemy Core.

One transaction appends one batch: entries with their payloads and the tree's head together, or nothing. Writers of one tree are
serialised by its row in ``trees``; trees of different tenants do not queue behind each other on PostgreSQL.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tenantry.clock import Clock, SystemClock, stamp
from tenantry.errors import JournalCorrupt, LeaseLost, NotFound, Refused
from tenantry.journal import runs, schema
from tenantry.journal.entry import (
    ERASED,
    GENESIS,
    KEPT_FOR_GOOD,
    Closed,
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
from tenantry.journal.runs import RunIndex, Unsettled
from tenantry.journal.sql import Transaction, Writing, mapped, open_engine
from tenantry.journal.statements import statements
from tenantry.journal.verify import Verification, Verifier
from tenantry.names import MSP

__all__ = ["Journal", "RunIndex", "Unsettled"]


_APPENDING: Final = mapped("append to the journal")


class _Tip(NamedTuple):
    """Where a tree ends: what its row in ``trees`` says."""

    tree: str
    size: int
    head: str
    """Leaf of the newest entry, hex."""
    last_ts: str


class _Chain(NamedTuple):
    """Entries that follow a tip, their rows, and the tip after them. A recorded step of the clock is in the rows alone."""

    tip: _Tip
    entries: list[Entry]
    rows: list[dict[str, Any]]


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
        self._asking = threading.RLock()
        self._sealers: dict[str, Sealer] = {}
        self._tips: dict[str, _Tip] = {}
        """Where each tenant's tree ended when this process appended last."""
        self.clock: Clock = clock or SystemClock()
        self._engine = open_engine(url)
        self._writing = self._engine.execution_options(write=True)
        self._sql = statements(self._engine.dialect)
        self._direct = Writing(self._engine) if self._engine.dialect.name == "sqlite" else None
        self._owner = this_process()
        with mapped("open the journal"):
            migrate(self._engine)

    def close(self) -> None:
        if self._direct is not None:
            self._direct.close()
        self._engine.dispose()

    def know(self, tenant: str) -> None:
        """Get the key of a tenant's entries, before there is one to read or to write."""
        self._tenant_key(tenant)

    def _tenant_key(self, tenant: str) -> bytes:
        found = self._keys.get(tenant)
        if found is None:
            # Who comes meanwhile waits for the same answer: each one that is given is an entry of its own.
            with self._asking:
                found = self._keys.get(tenant)
                if found is None:
                    found = self._keys[tenant] = self._key(tenant)
        return found

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
        # Before the write lock is held: whoever gives the key may have to record that it did, and what is sealed here is sealed
        # while another process syncs.
        closed = self._closed(tenant, drafts)
        with _APPENDING, self._direct or self._writing.begin() as db:
            if fence is not None:
                self._hold(db, fence, fence.life)
            return self._grow(db, tenant, closed)

    def _append(self, db: Transaction, tenant: str, drafts: Sequence[Draft]) -> list[Entry]:
        """As one part of a transaction that does more; its tenant's key was asked for before."""
        return self._grow(db, tenant, self._closed(tenant, drafts))

    def _closed(self, tenant: str, drafts: Sequence[Draft]) -> list[Closed]:
        sealer = self._sealers.get(tenant)
        if sealer is None:
            sealer = self._sealers[tenant] = Sealer(self._tenant_key(tenant))
        return [sealer.close(one) for one in drafts]

    def _grow(self, db: Transaction, tenant: str, closed: Sequence[Closed]) -> list[Entry]:
        # Mostly this process appended last, and knows where the tree ends; the update itself says whether that still holds.
        tip = self._tips.get(tenant)
        chain = self._chain(tip, tenant, closed) if tip is not None else None
        if tip is None or chain is None or not self._advance(db, tip, chain.tip):
            tip = self._tree(db, tenant)
            chain = self._chain(tip, tenant, closed)
            self._advance(db, tip, chain.tip)
        self._tips[tenant] = chain.tip
        self._sql.entry.many(db, chain.rows)
        for one, entry in zip(closed, chain.entries, strict=True):
            if one.event.event in runs.STANDING:
                runs.keep(self._sql, db, one.event, tip.tree, entry.fields["ts"])
        return chain.entries

    def _advance(self, db: Transaction, tip: _Tip, to: _Tip) -> bool:
        """Let the tree end at ``to``; False, and nothing changed, when it does not end at ``tip``."""
        values = {
            "at": tip.tree,
            "was_size": tip.size,
            "was_head": tip.head,
            "new_size": to.size,
            "new_head": to.head,
            "new_last_ts": to.last_ts,
        }
        return self._sql.grow(db, values) == 1

    def _chain(self, tip: _Tip, tenant: str, closed: Sequence[Closed]) -> _Chain:
        """The entries that follow the tip."""
        tree, size, head, last_ts = tip
        entries: list[Entry] = []
        rows: list[dict[str, Any]] = []

        for one in closed:
            ts = stamp(self.clock)
            following = (one,) if ts >= last_ts else (self._stepped_back(tenant, last_ts, ts), one)
            for each in following:
                entry = build(
                    each.event,
                    tree=tree,
                    seq=size,
                    entry_id=each.id,
                    ts=ts,
                    mono_us=self.clock.monotonic_us(),
                    payload_digest=each.payload_digest,
                    prev=head,
                )
                rows.append(
                    {
                        "tree": tree,
                        "seq": size,
                        "id": each.id,
                        "run_id": each.event.run_id,
                        "body": entry.body,
                        "leaf": entry.leaf,
                        "sealed": each.sealed,
                    }
                )
                size, head, last_ts = size + 1, entry.leaf.hex(), ts
            entries.append(entry)
        return _Chain(_Tip(tree, size, head, last_ts), entries, rows)

    def _stepped_back(self, tenant: str, was: str, now: str) -> Closed:
        """A clock that stepped back is itself part of the record, before the entry that shows it."""
        (closed,) = self._closed(tenant, [draft(Event("clock.stepped_back", {"was": was, "is": now}))])
        return closed

    def _tree(self, db: Transaction, tenant: str) -> _Tip:
        """Where the tenant's tree ends, locked until the transaction does."""
        values = {"tenant": tenant}
        row = self._sql.tree.row(db, values)
        if row is None:
            fresh = {"tree": self._tree_id(tenant), "tenant": tenant, "size": 0, "head": GENESIS, "last_ts": ""}
            self._sql.new_tree(db, fresh)
            row = self._sql.tree.row(db, values)
            if row is None:
                raise JournalCorrupt(f"the tree of {tenant} belongs to another tenant")
        return _Tip(*row)

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
        self._tenant_key(tenant)
        places = self._places(tenant, entry_ids)
        wanted = sorted(places)
        with mapped("erase payloads"), self._writing.begin() as db:
            tree = self._tree(db, tenant).tree
            for entry_id in wanted:
                self._blank(db, tree, places[entry_id], entry_id)
            said = {"entries": wanted, "evidence": sorted(evidence), "by": by, "reason": reason}
            event = Event("payload.erased", said)
            (entry,) = self._append(db, tenant, [draft(event)])
        if self._engine.dialect.name == "sqlite":
            # The write-ahead log still holds the page as it was.
            with mapped("erase payloads"), self._engine.connect() as db:
                db.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return entry

    def _places(self, tenant: str, entry_ids: Sequence[str]) -> dict[str, int]:
        """Where in the tenant's tree these entries are, by id. An entry stays where it is. Raises NotFound."""
        wanted = set(entry_ids)
        table = schema.entries
        query = sa.select(table.c.id, table.c.seq).where(table.c.tree == self._tree_id(tenant))
        with mapped("read the journal"), self._engine.connect() as db:
            places = {row.id: row.seq for row in db.execute(query) if row.id in wanted}
        for entry_id in sorted(wanted - places.keys()):
            raise NotFound(f"{tenant} has no entry {entry_id}")
        return places

    @staticmethod
    def _blank(db: Connection, tree: str, seq: int, entry_id: str) -> None:
        table = schema.entries
        here = (table.c.tree == tree) & (table.c.seq == seq)
        if load(db.execute(sa.select(table.c.body).where(here)).scalar_one()).event in KEPT_FOR_GOOD:
            raise Refused("what was erased, by whom and why, and what was signed, stays in the record")
        done = db.execute(table.update().where(here, table.c.sealed != ERASED).values(sealed=ERASED))
        if done.rowcount != 1:
            raise NotFound(f"the payload of entry {entry_id} was erased before")

    # --- reading ------------------------------------------------------------------------------------------------------

    def run(self, run_id: str) -> RunIndex:
        """The run of this id, or the only one whose id begins so (from six characters on). Raises NotFound."""
        with mapped("read the journal"), self._engine.connect() as db:
            found = runs.find(self._sql, db, run_id)
        if found is None:
            raise NotFound(f"there is no run {run_id!r}")
        return found

    def runs(self, tenant: str | None = None, limit: int | None = None) -> list[RunIndex]:
        """Newest first."""
        with mapped("read the journal"), self._engine.connect() as db:
            return runs.listed(db, tenant, limit)

    def records(self, run: str | RunIndex, after: int = -1) -> list[Record]:
        """What was recorded of one run after a sequence number (everything, by default), in order, payloads opened.

        Args:
            run: its id; or what :meth:`run` or :meth:`runs` told of it, which is then not looked up again.
        """
        index = run if isinstance(run, RunIndex) else self.run(run)
        opener = Opener(self._tenant_key(index.tenant))
        wanted = {"of_tenant": index.tenant, "of_run": index.run_id, "after": after}
        with mapped("read the journal"), self._engine.connect() as db:
            return [
                _opened(opener, load(body), leaf, sealed) for body, leaf, sealed in self._sql.records.each(db, wanted)
            ]

    def rehearse(self) -> None:
        """What a run's first entries need, before there is a run: connections, and the statements that are composed when they are
        first used. Changes nothing."""
        with mapped("open the journal"):
            with self._direct or self._writing.begin():
                pass  # the connection that appends keeps; who writes meanwhile is held up by nothing that follows
            with self._engine.connect() as db:
                runs.find(self._sql, db, "")
        self.frozen("")
        self.live("")

    def entries(self, run_id: str) -> list[Record]:
        """As :meth:`records`, without their contents, as if all had been erased: of a client whose key was destroyed nothing else is left."""
        tenant, entries = self.run(run_id).tenant, schema.entries.c
        query = (
            sa.select(entries.body)
            .select_from(schema.entries.join(schema.trees, schema.trees.c.tree == entries.tree))
            .where((schema.trees.c.tenant == tenant) & (entries.run_id == run_id))
            .order_by(entries.seq)
        )
        with mapped("read the journal"), self._engine.connect() as db:
            return [Record(load(body), None) for body in db.execute(query).scalars()]

    def count(self, run_id: str) -> int:
        """How many entries of a run there are. They are never taken away, so as many as before means none are new."""
        tenant, entries = self.run(run_id).tenant, schema.entries.c
        query = (
            sa.select(sa.func.count())
            .select_from(schema.entries.join(schema.trees, schema.trees.c.tree == entries.tree))
            .where((schema.trees.c.tenant == tenant) & (entries.run_id == run_id))
        )
        with mapped("read the journal"), self._engine.connect() as db:
            return int(db.execute(query).scalar_one())

    def tail(self, tenant: str, after: int = -1, limit: int | None = None) -> list[Record]:
        """Entries of a tenant's tree after a sequence number, in order."""
        where = (schema.trees.c.tenant == tenant) & (schema.entries.c.seq > after)
        return list(self._records(tenant, where, limit))

    def of(self, tenant: str, *events: str) -> list[Record]:
        """A tenant's entries of these kinds, in order. Walks the whole tree, and opens only what it looks for."""
        return list(self._records(tenant, schema.trees.c.tenant == tenant, events=events))

    def how_many(self, tenant: str, event: str) -> int:
        """How many entries of this kind a tenant has. Kinds stand in the open: nothing is opened and no key is needed, so a run of one tenant may
        ask it of the MSP's own tree."""
        query = (
            sa.select(schema.entries.c.body)
            .join(schema.trees, schema.trees.c.tree == schema.entries.c.tree)
            .where(schema.trees.c.tenant == tenant)
        )
        named = f'"event":"{event}"'.encode()
        with mapped("read the journal"), self._engine.connect() as db:
            return sum(named in body and load(body).event == event for body in db.execute(query).scalars())

    def _records(
        self, tenant: str, where: sa.ColumnElement[bool], limit: int | None = None, events: tuple[str, ...] = ()
    ) -> Iterator[Record]:
        named = [f'"event":"{event}"'.encode() for event in events]
        opener = Opener(self._tenant_key(tenant))
        query = _sealed(where, limit)
        with mapped("read the journal"), self._engine.connect() as db:
            for body, leaf, sealed in db.execute(query):
                if named and not any(name in body for name in named):
                    continue
                entry = load(body)
                if events and entry.event not in events:
                    continue
                yield _opened(opener, entry, leaf, sealed)

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
        with mapped("read the journal"), self._engine.connect() as db:
            return runs.unsettled(db, self._now_us())

    # --- leases -------------------------------------------------------------------------------------------------------

    def acquire(self, run_id: str, life: float = LIFE) -> Lease:
        """Become the run's owner.

        Raises:
            LeaseHeld: another process owns it and is not known to be dead.
        """
        now = self._now_us()
        with mapped("take the run's lease"), self._direct or self._writing.begin() as db:
            row = self._sql.lease.row(db, {"at_run": run_id})
            expires = now + int(life * 1e6)
            if row is None:
                first = {"run_id": run_id, "token": 1, "owner": self._owner, "expires_us": expires}
                if self._sql.new_lease(db, first) != 1:
                    raise LeaseHeld("another process", life)
                return Lease(Fence(run_id, 1, life), taken_over=False)
            token, owner, until = row
            if until > now and not known_dead(owner):
                raise LeaseHeld(owner, (until - now) / 1e6)
            taken = {"at_run": run_id, "new_token": token + 1, "new_owner": self._owner, "new_expires_us": expires}
            self._sql.take(db, taken)
            return Lease(Fence(run_id, token + 1, life), taken_over=until != 0)

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
        wanted = {"wanted": tenant, "everywhere": schema.EVERYWHERE}
        with mapped("read the freezes"), self._engine.connect() as db:
            row = self._sql.frozen.row(db, wanted)
        return None if row is None else dict(zip(("scope", "since", "by", "reason"), row, strict=True))


def _opened(opener: Opener, entry: Entry, leaf: bytes, sealed: bytes | None) -> Record:
    """An entry with its payload. Raises JournalCorrupt."""
    if entry.leaf != leaf:
        raise JournalCorrupt(f"entry {entry.id} is not the one recorded", entry=entry.id)
    if sealed is None:
        raise JournalCorrupt(f"the payload of entry {entry.id} is missing", entry=entry.id)
    return Record(entry, None) if sealed == ERASED else opener.record(sealed, entry)


def _sealed(where: sa.ColumnElement[bool], limit: int | None = None) -> sa.Select[Any]:
    """Entries in order, as they are stored."""
    return (
        sa.select(schema.entries.c.body, schema.entries.c.leaf, schema.entries.c.sealed)
        .join(schema.trees, schema.trees.c.tree == schema.entries.c.tree)
        .where(where)
        .order_by(schema.entries.c.seq)
        .limit(limit)
    )


def _freeze_tree(scope: str) -> str:
    """Whose tree a freeze is recorded in."""
    return MSP if scope == schema.EVERYWHERE else scope
