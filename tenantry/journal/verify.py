"""Walking the whole record: whether what is stored is what was appended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tenantry.errors import JournalCorrupt
from tenantry.journal import schema
from tenantry.journal.checkpoints import BEGUN, STAMPED, WITNESSED
from tenantry.journal.entry import ERASED, GENESIS, KEPT_FOR_GOOD, Opener, fields_of
from tenantry.journal.marks import Bad, Kept, Marks, Signatures, nothing_kept
from tenantry.journal.sql import mapped
from tenantry.names import MSP


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of walking the record.

    Attributes:
        entries: how many were found good before the first bad one.
        first_bad: ``{tree, seq, why}``; ``seq`` is None when no entry but another row is wrong.
        unopened: payloads that nobody can open because their tenant's key was destroyed; their entries were checked.
        checkpoints: signed checkpoints that were found good.
        clock_steps: times the clock stepped back, as recorded: ``{tree, seq, was, is}``. That is no fault of the record.
    """

    entries: int
    ok: bool
    first_bad: dict[str, Any] | None
    unopened: int = 0
    checkpoints: int = 0
    clock_steps: tuple[dict[str, Any], ...] = ()


@dataclass
class _Tree:
    """What the entries of one tree say about the rows beside it."""

    id: str
    scope: str
    """What a freeze recorded here stops."""
    key: bytes | None
    marks: Marks
    """The checkpoints of this tree."""
    expected: int = 0
    head: str = GENESIS
    last_ts: str = ""
    runs: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    """run → runbook, time, seq"""
    standings: dict[str, str] = field(default_factory=dict)
    """run → how the newest entry that says so left it"""
    freeze: tuple[dict[str, str], int] | None = None
    """What is known of the row of the freeze in force, seq"""
    missing: dict[str, int] = field(default_factory=dict)
    """Entries whose payload is erased, and that nothing read so far explains → seq."""


class Verifier:
    """One walk.

    Args:
        key: tenant → key of its payloads; None when it was destroyed.
        tree_id: tenant → the id that its tree must have.
        kept: tree → the newest signed checkpoint that was kept outside the database.
    """

    def __init__(
        self, key: Callable[[str], bytes | None], tree_id: Callable[[str], str], kept: Kept = nothing_kept
    ) -> None:
        self._key = key
        self._tree_id = tree_id
        self._kept = kept
        self._entries = 0
        self._unopened = 0
        self._signed = Signatures()
        self._steps: list[dict[str, Any]] = []

    def verify(self, engine: sa.Engine) -> Verification:
        """Raises JournalUnavailable: the record could not be read, which says nothing about it."""
        if engine.dialect.name != "sqlite":  # where one transaction sees one state anyway
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        try:
            with mapped("read the journal"), engine.connect() as db:
                self._walk(db)
        except Bad as bad:
            return self._result(bad.found)
        except JournalCorrupt as error:
            return self._result({"tree": None, "seq": None, "why": error.message})
        return self._result(None)

    def _result(self, first_bad: dict[str, Any] | None) -> Verification:
        return Verification(
            self._entries,
            ok=first_bad is None,
            first_bad=first_bad,
            unopened=self._unopened,
            checkpoints=self._signed.good,
            clock_steps=tuple(self._steps),
        )

    def _walk(self, db: Connection) -> None:
        freezes = {row.scope: dict(row._mapping) for row in db.execute(sa.select(schema.freezes))}
        msp = self._tree_id(MSP)
        # The MSP's tree first: it says which key was in force when, and which checkpoints there are.
        rows = db.execute(sa.select(schema.trees).order_by(schema.trees.c.tree != msp, schema.trees.c.tree)).all()
        known = {row.tree for row in rows}
        if rows and rows[0].tree != msp:
            self._signed.compare_keys(db, msp)
        self._signed.lost(known, self._kept, msp)
        for row in rows:
            tree = self._tree(db, row, msp)
            if row.tree == msp:
                self._signed.compare_keys(db, msp)
            self._compare_runs(db, row.tree, tree)
            if tree.freeze is not None:
                recorded, seq = tree.freeze
                if not recorded.items() <= freezes.pop(tree.scope, {}).items():
                    raise Bad(row.tree, seq, f"the freeze of {tree.scope} is not the one recorded")
        for scope in freezes:
            raise Bad(None, None, f"the freeze of {scope} was never recorded")
        self._signed.finish(db, msp)
        self._strays(db, known)

    def _strays(self, db: Connection, known: set[str]) -> None:
        """Rows that belong to nothing."""
        for table in (schema.entries, schema.runs, schema.checkpoints, schema.nodes):
            for tree in db.execute(sa.select(table.c.tree).distinct()).scalars():
                if tree not in known:
                    raise Bad(tree, None, f"there are {table.name} of a tree that does not exist")

    # --- one tree -----------------------------------------------------------------------------------------------------

    def _tree(self, db: Connection, row: Any, msp: str) -> _Tree:
        # SQLite stores any type in any column, whatever the schema says.
        if not isinstance(row.tenant, str) or row.tree != self._tree_id(row.tenant):
            raise Bad(row.tree, None, "the tree is not that of its tenant")
        marks = Marks(db, self._signed, row.tree, msp, self._kept(row.tree))
        scope = schema.EVERYWHERE if row.tenant == MSP else row.tenant
        tree = _Tree(row.tree, scope, self._key(row.tenant), marks)
        opener = Opener(tree.key) if tree.key is not None else None
        try:
            for stored in self._rows(db, row.tree):
                self._entry(tree, stored, opener)
        except (JournalCorrupt, ValueError, TypeError, KeyError) as error:
            # A value of another type than was written, down to text that is not UTF-8.
            raise Bad(row.tree, tree.expected, str(error)) from error
        if (tree.expected, tree.head) != (row.size, row.head):
            raise Bad(row.tree, tree.expected, "entries are missing at the end, or were added")
        if tree.last_ts != row.last_ts:
            raise Bad(row.tree, tree.expected - 1, "the time of the newest entry is not the one recorded")
        marks.finish(tree.expected)
        if tree.key is not None:
            for entry_id, seq in tree.missing.items():
                raise Bad(row.tree, seq, f"the payload of entry {entry_id} was erased, and no entry says by whom")
        return tree

    @staticmethod
    def _rows(db: Connection, tree: str) -> Iterator[Any]:
        table = schema.entries
        query = (
            sa.select(table.c.seq, table.c.id, table.c.tree, table.c.run_id, table.c.body, table.c.leaf, table.c.sealed)
            .where(table.c.tree == tree)
            .order_by(table.c.seq)
            .execution_options(yield_per=1000)
        )
        with mapped("read an entry"):
            for part in db.execute(query).partitions():
                yield from part

    def _entry(self, tree: _Tree, row: Any, opener: Opener | None) -> None:
        # A million times in a walk: nothing is built here that is not needed.
        seq, entry_id, tree_id, run_id, body, leaf, sealed = row
        fields = fields_of(body)
        if seq != tree.expected:
            raise JournalCorrupt(f"entry {tree.expected} is missing")
        if (
            leaf != sha256(b"\x00" + body).digest()
            or seq != fields["seq"]
            or entry_id != fields["id"]
            or tree_id != fields["tree"]
            or run_id != fields["run_id"]
        ):
            raise JournalCorrupt("the entry is not the one recorded")
        if fields["prev"] != tree.head:
            raise JournalCorrupt("the entry does not follow the one before it")
        event, ts = fields["event"], fields["ts"]
        if ts < tree.last_ts:
            # One that follows the order of entries and not that of time says so itself.
            if event != "clock.stepped_back":
                raise JournalCorrupt(f"the entry is older ({ts}) than the one before it ({tree.last_ts})")
            self._steps.append({"tree": tree.id, "seq": seq, "was": tree.last_ts, "is": ts})
        if sealed is None:
            raise JournalCorrupt(f"the payload of entry {entry_id} is missing")
        plain = None
        if sealed == ERASED:
            if event in KEPT_FOR_GOOD:
                raise JournalCorrupt("who erased what, what was signed and with which key was erased itself")
            tree.missing[entry_id] = seq
        elif opener is None:
            self._unopened += 1
        else:
            plain = opener.open(sealed, entry_id, fields["payload_digest"])
        if event in _TELLING:
            self._take(tree, fields, json.loads(plain) if plain is not None else None)
        tree.marks.entry(leaf, event, ts)
        tree.expected, tree.head, tree.last_ts = seq + 1, leaf.hex(), ts
        self._entries += 1

    def _take(self, tree: _Tree, fields: dict[str, Any], payload: Any) -> None:
        """Take note of what other rows must agree with."""
        event, seq, ts = fields["event"], fields["seq"], fields["ts"]
        if event == "run.created":
            flow = fields["flow"]
            tree.runs[fields["run_id"]] = (flow["name"] if flow else "", ts, seq)
            tree.standings[fields["run_id"]] = "created"
        elif event == "run.attempt":
            tree.standings[fields["run_id"]] = "running"
        elif event in ("run.stopped", "run.ended"):
            tree.standings[fields["run_id"]] = fields["outcome"]
        elif event == "freeze":
            # Of a payload that nobody can read any more, at least scope and time are known.
            said = {name: payload[name] for name in ("by", "reason")} if payload is not None else {}
            tree.freeze = ({"scope": tree.scope, "since": ts, **said}, seq)
        elif event == "unfreeze":
            tree.freeze = None
        elif payload is None:
            return
        elif event == "payload.erased":
            for entry_id in payload["entries"]:
                tree.missing.pop(entry_id, None)
        elif tree.marks.is_msp:
            self._signed.take(event, seq, ts, payload)

    # --- rows derived from entries ------------------------------------------------------------------------------------

    @staticmethod
    def _compare_runs(db: Connection, tree_id: str, tree: _Tree) -> None:
        query = sa.select(schema.runs).where(schema.runs.c.tree == tree_id)
        indexed = {row.run_id: (row.runbook, row.created_at, row.standing) for row in db.execute(query)}
        for run_id, (runbook, created_at, seq) in tree.runs.items():
            if indexed.pop(run_id, None) != (runbook, created_at, tree.standings[run_id]):
                raise Bad(tree_id, seq, f"the index does not have run {run_id} as it was recorded")
        for run_id in indexed:
            raise Bad(tree_id, None, f"the index has a run {run_id} that was never recorded")


_TELLING: Final = frozenset(
    {
        "run.created",
        "run.attempt",
        "run.stopped",
        "run.ended",
        "freeze",
        "unfreeze",
        "payload.erased",
        WITNESSED,
        BEGUN,
        STAMPED,
    }
)
"""Events whose payload other rows are compared with."""
