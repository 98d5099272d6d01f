"""Walking the whole record: whether what is stored is what was appended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tenantry.errors import JournalCorrupt
from tenantry.journal import schema
from tenantry.journal.entry import ERASED, GENESIS, Entry, load, unseal
from tenantry.journal.sql import mapped
from tenantry.names import MSP


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of walking the record.

    Attributes:
        entries: how many were found good before the first bad one.
        first_bad: ``{tree, seq, why}``; ``seq`` is None when no entry but another row is wrong.
        unopened: payloads that nobody can open because their tenant's key was destroyed; their entries were checked.
    """

    entries: int
    ok: bool
    first_bad: dict[str, Any] | None
    unopened: int = 0


class _Bad(Exception):  # not a failure of ours: it is the result
    def __init__(self, tree: str | None, seq: int | None, why: str) -> None:
        super().__init__(why)
        self.found = {"tree": tree, "seq": seq, "why": why}


@dataclass
class _Tree:
    """What the entries of one tree say about the rows beside it."""

    scope: str
    """What a freeze recorded here stops."""
    key: bytes | None
    expected: int = 0
    head: str = GENESIS
    last_ts: str = ""
    runs: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    """run → runbook, time, seq"""
    freeze: tuple[dict[str, str], int] | None = None
    """What is known of the row of the freeze in force, seq"""
    missing: dict[str, int] = field(default_factory=dict)
    """Entries whose payload is erased, and that nothing read so far explains → seq."""


class Verifier:
    """One walk.

    Args:
        key: tenant → key of its payloads; None when it was destroyed.
        tree_id: tenant → the id that its tree must have.
    """

    def __init__(self, key: Callable[[str], bytes | None], tree_id: Callable[[str], str]) -> None:
        self._key = key
        self._tree_id = tree_id
        self._entries = 0
        self._unopened = 0

    def verify(self, engine: sa.Engine) -> Verification:
        """Raises JournalUnavailable: the record could not be read, which says nothing about it."""
        if engine.dialect.name != "sqlite":  # where one transaction sees one state anyway
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        try:
            with mapped("read the journal"), engine.connect() as db:
                self._walk(db)
        except _Bad as bad:
            return Verification(self._entries, ok=False, first_bad=bad.found, unopened=self._unopened)
        except JournalCorrupt as error:
            found = {"tree": None, "seq": None, "why": error.message}
            return Verification(self._entries, ok=False, first_bad=found, unopened=self._unopened)
        return Verification(self._entries, ok=True, first_bad=None, unopened=self._unopened)

    def _walk(self, db: Connection) -> None:
        freezes = {row.scope: dict(row._mapping) for row in db.execute(sa.select(schema.freezes))}
        known = set()
        for row in db.execute(sa.select(schema.trees).order_by(schema.trees.c.tree)).all():
            known.add(row.tree)
            tree = self._tree(db, row)
            self._compare_runs(db, row.tree, tree)
            if tree.freeze is not None:
                recorded, seq = tree.freeze
                if not recorded.items() <= freezes.pop(tree.scope, {}).items():
                    raise _Bad(row.tree, seq, f"the freeze of {tree.scope} is not the one recorded")
        for scope in freezes:
            raise _Bad(None, None, f"the freeze of {scope} was never recorded")
        self._strays(db, known)

    @staticmethod
    def _strays(db: Connection, known: set[str]) -> None:
        """Rows that belong to nothing."""
        for table, what in ((schema.entries, "entries"), (schema.runs, "runs")):
            for tree in db.execute(sa.select(table.c.tree).distinct()).scalars():
                if tree not in known:
                    raise _Bad(tree, None, f"there are {what} of a tree that does not exist")
        stray = (
            sa.select(schema.payloads.c.entry_id)
            .outerjoin(schema.entries, schema.entries.c.id == schema.payloads.c.entry_id)
            .where(schema.entries.c.id.is_(None))
            .limit(1)
        )
        if (entry_id := db.execute(stray).scalar()) is not None:
            raise _Bad(None, None, f"there is a payload of an entry {entry_id} that does not exist")

    # --- one tree -----------------------------------------------------------------------------------------------------

    def _tree(self, db: Connection, row: Any) -> _Tree:
        # SQLite stores any type in any column, whatever the schema says.
        if not isinstance(row.tenant, str) or row.tree != self._tree_id(row.tenant):
            raise _Bad(row.tree, None, "the tree is not that of its tenant")
        tree = _Tree(schema.EVERYWHERE if row.tenant == MSP else row.tenant, self._key(row.tenant))
        try:
            for stored in self._rows(db, row.tree):
                self._entry(tree, stored)
        except (JournalCorrupt, ValueError, TypeError) as error:
            # A value of another type than was written, down to text that is not UTF-8.
            raise _Bad(row.tree, tree.expected, str(error)) from error
        if (tree.expected, tree.head) != (row.size, row.head):
            raise _Bad(row.tree, tree.expected, "entries are missing at the end, or were added")
        if tree.last_ts != row.last_ts:
            raise _Bad(row.tree, tree.expected - 1, "the time of the newest entry is not the one recorded")
        if tree.key is not None:
            for entry_id, seq in tree.missing.items():
                raise _Bad(row.tree, seq, f"the payload of entry {entry_id} was erased, and no entry says by whom")
        return tree

    @staticmethod
    def _rows(db: Connection, tree: str) -> Iterator[Any]:
        query = (
            sa.select(schema.entries, schema.payloads.c.sealed)
            .outerjoin(schema.payloads, schema.payloads.c.entry_id == schema.entries.c.id)
            .where(schema.entries.c.tree == tree)
            .order_by(schema.entries.c.seq)
            .execution_options(yield_per=1000)
        )
        with mapped("read an entry"):
            yield from db.execute(query)

    def _entry(self, tree: _Tree, row: Any) -> None:
        entry = load(row.body)
        fields = entry.fields
        if row.seq != tree.expected:
            raise JournalCorrupt(f"entry {tree.expected} is missing")
        stored = (row.leaf, row.seq, row.id, row.tree, row.run_id)
        if stored != (entry.leaf, fields["seq"], fields["id"], fields["tree"], fields["run_id"]):
            raise JournalCorrupt("the entry is not the one recorded")
        if fields["prev"] != tree.head:
            raise JournalCorrupt("the entry does not follow the one before it")
        payload = self._payload(tree, row.sealed, entry)
        if entry.event == "run.created":
            flow = fields["flow"]
            tree.runs[fields["run_id"]] = (flow["name"] if flow else "", fields["ts"], entry.seq)
        elif entry.event == "freeze":
            # Of a payload that nobody can read any more, at least scope and time are known.
            said = {name: payload[name] for name in ("by", "reason")} if payload is not None else {}
            tree.freeze = ({"scope": tree.scope, "since": fields["ts"], **said}, entry.seq)
        elif entry.event == "unfreeze":
            tree.freeze = None
        elif entry.event == "payload.erased" and payload is not None:
            for entry_id in payload["entries"]:
                tree.missing.pop(entry_id, None)
        tree.expected, tree.head, tree.last_ts = tree.expected + 1, entry.leaf.hex(), fields["ts"]
        self._entries += 1

    def _payload(self, tree: _Tree, sealed: bytes | None, entry: Entry) -> Any:
        if sealed is None:
            raise JournalCorrupt(f"the payload of entry {entry.id} is missing")
        if sealed == ERASED:
            if entry.event == "payload.erased":
                raise JournalCorrupt("who erased what was erased itself")
            tree.missing[entry.id] = entry.seq
            return None
        if tree.key is None:
            self._unopened += 1
            return None
        return unseal(sealed, key=tree.key, entry=entry)

    # --- rows derived from entries ------------------------------------------------------------------------------------

    @staticmethod
    def _compare_runs(db: Connection, tree_id: str, tree: _Tree) -> None:
        query = sa.select(schema.runs).where(schema.runs.c.tree == tree_id)
        indexed = {row.run_id: (row.runbook, row.created_at) for row in db.execute(query)}
        for run_id, (runbook, created_at, seq) in tree.runs.items():
            if indexed.pop(run_id, None) != (runbook, created_at):
                raise _Bad(tree_id, seq, f"the index does not have run {run_id} as it was recorded")
        for run_id in indexed:
            raise _Bad(tree_id, None, f"the index has a run {run_id} that was never recorded")
