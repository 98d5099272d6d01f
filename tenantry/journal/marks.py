"""Comparing the signed checkpoints with the entries, while the record is walked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tenantry.errors import InvalidInput, JournalCorrupt, NotProven
from tenantry.journal import schema
from tenantry.journal.checkpoints import ANNOUNCED, BEGUN, STAMPED, WITNESSED, Stored, keys, origin_of, stored
from tenantry.proof import merkle
from tenantry.proof.note import Checkpoint, fingerprint, open_note, parse_note, signed_by
from tenantry.proof.trust import TrustedKey

Kept = Callable[[str], bytes | None]
"""Tree → the newest signed checkpoint that was kept outside the database."""


def nothing_kept(_tree: str) -> bytes | None:
    return None


class Bad(Exception):  # not a failure of ours: it is the result
    """The first bad entry. ``seq`` is None when no entry but another row is wrong."""

    def __init__(self, tree: str | None, seq: int | None, why: str) -> None:
        super().__init__(why)
        self.found = {"tree": tree, "seq": seq, "why": why}


class Signatures:
    """What the MSP's tree says of all checkpoints: which key was in force when, and what was witnessed."""

    def __init__(self) -> None:
        self.good = 0
        self._keys: list[TrustedKey] = []
        self._witnessed: dict[tuple[str, int], tuple[str, int, int, str]] = {}
        """(tree, size) → root, epoch, index and time of the witness"""
        self._stamped: dict[tuple[str, int, str], tuple[str, int]] = {}
        """(tree, size, authority) → digest of the time stamp, index of the entry"""

    def take(self, event: str, seq: int, ts: str, payload: Mapping[str, Any]) -> None:
        """One entry of the MSP's tree. Raises JournalCorrupt: it contradicts the ones before."""
        if event == BEGUN:
            public = bytes.fromhex(payload["public_key"])
            if payload["epoch"] != len(self._keys) + 1 or payload["fingerprint"] != fingerprint(public):
                raise JournalCorrupt("a signing key began out of turn")
            self._keys.append(TrustedKey(public, payload["epoch"], seq, ts))
        elif event == WITNESSED:
            place = (payload["tree"], payload["size"])
            if place in self._witnessed:
                raise JournalCorrupt(f"the checkpoint of {place[0]} at {place[1]} entries was signed twice")
            self._witnessed[place] = (payload["root"], payload["epoch"], seq, ts)
        elif event == STAMPED:
            self._stamped[(payload["tree"], payload["size"], payload["authority"])] = (payload["response"], seq)

    def compare_keys(self, db: Connection, msp: str) -> None:
        if keys(db) != self._keys:
            raise Bad(msp, None, "the signing keys are not the ones recorded")

    def lost(self, known: set[str], kept: Kept, msp: str) -> None:
        """Raises Bad: the estate's tree was signed once, and is gone altogether."""
        if msp not in known and kept(msp) is not None:
            raise Bad(msp, 0, "the record was rolled back: its checkpoint was kept, its entries are gone")

    def check(self, row: Stored, msp: str, root: bytes, ts: str) -> None:
        """Prove one checkpoint of a tree whose root at that size is ``root``, and whose newest entry is of ``ts``.

        Raises:
            JournalCorrupt.
        """
        if row.tree == msp:
            index = row.size - 1
            if row.witness is not None or row.at != ts:
                raise JournalCorrupt(f"the checkpoint at {row.size} entries is not as it was signed")
        else:
            if row.witness is None or self._witnessed.pop((row.tree, row.size), None) != (
                root.hex(),
                row.epoch,
                row.witness,
                row.at,
            ):
                raise JournalCorrupt(f"the checkpoint at {row.size} entries is not the one that was witnessed")
            index = row.witness
        in_force = next((key for key in reversed(self._keys) if key.from_index <= index), None)
        if in_force is None or in_force.epoch != row.epoch:
            raise JournalCorrupt(f"the checkpoint at {row.size} entries is not signed in its key's epoch")
        opened = _opened(row.note, in_force)
        if opened != Checkpoint(f"{origin_of(msp)}/{row.tree}", row.size, root):
            raise JournalCorrupt(f"the checkpoint at {row.size} entries is of other entries")
        self.good += 1

    def check_kept(self, note: bytes, tree: str) -> Checkpoint:
        """The kept copy, proven to be signed by us. Raises JournalCorrupt."""
        for key in self._keys:
            try:
                if signed_by(note, key.public):
                    return _opened(note, key)
            except InvalidInput:
                break
        raise JournalCorrupt(f"the checkpoint of {tree} kept outside the record was not signed with our keys")

    def finish(self, db: Connection, msp: str) -> None:
        """Raises Bad: something was witnessed or stamped, and its checkpoint or time stamp is gone."""
        for (tree, size), (_, _, seq, _) in self._witnessed.items():
            raise Bad(msp, seq, f"the checkpoint of {tree} at {size} entries is missing")
        for row in db.execute(sa.select(schema.timestamps)):
            digest, _ = self._stamped.pop((row.tree, row.size, row.authority), (None, 0))
            if not isinstance(row.response, bytes) or hashlib.sha256(row.response).hexdigest() != digest:
                raise Bad(row.tree, None, f"the time stamp of {row.authority} is not the one recorded")
        for (_, size, authority), (_, seq) in self._stamped.items():
            raise Bad(msp, seq, f"the time stamp of {authority} at {size} entries is missing")


def _opened(note: bytes, key: TrustedKey) -> Checkpoint:
    try:
        return open_note(note, key.public)
    except (NotProven, InvalidInput) as error:
        raise JournalCorrupt(error.message) from error


class Marks:
    """The checkpoints of one tree, met one after the other while its entries pass by."""

    def __init__(self, db: Connection, signed: Signatures, tree: str, msp: str, kept: bytes | None) -> None:
        self._db = db
        self._signed = signed
        self._tree = tree
        self._msp = msp
        self.is_msp = tree == msp
        self._due = stored(db, tree)[::-1]
        for row in self._due:
            if type(row.size) is not int or row.size < 1:
                raise Bad(tree, None, "a checkpoint has no size")
        self._signed_size = self._due[0].size if self._due else 0
        self._frontier = merkle.Frontier(self._node)
        self._fresh: list[bytes] = []
        """Leaves that the frontier has not seen yet: many at once cost half."""
        self._size = 0
        self._kept = kept
        self._kept_size = _size(kept)
        self._kept_root: bytes | None = None

    def entry(self, leaf: bytes, event: str, ts: str) -> None:
        """One more entry. Raises JournalCorrupt: a checkpoint at this size is missing, or not that of the entries so far."""
        self._fresh.append(leaf)
        size = self._size = self._size + 1
        due = bool(self._due) and self._due[-1].size == size
        if due or size == self._kept_size or size % merkle.WIDTH == 0:
            self._frontier.extend(self._fresh)
            self._fresh.clear()
        if self._kept_size == size:
            self._kept_root = self._frontier.root()
        if self.is_msp and due != (event in (WITNESSED, ANNOUNCED)):
            raise JournalCorrupt("the checkpoint that ends with this entry is missing, or was added")
        if due:
            self._signed.check(self._due.pop(), self._msp, self._frontier.root(), ts)

    def finish(self, size: int) -> None:
        """Raises Bad: something was signed that is not here."""
        if self._due:
            raise Bad(
                self._tree,
                size,
                f"the record was rolled back: {self._due[-1].size} entries were signed, {size} are here",
            )
        expected = dict(merkle.stored_levels(self._signed_size))
        table = schema.nodes
        query = sa.select(table.c.level, sa.func.count()).where(table.c.tree == self._tree).group_by(table.c.level)
        if {row[0]: row[1] for row in self._db.execute(query)} != expected:
            raise Bad(self._tree, None, "the inner nodes of the tree are not those of its entries")
        if self._kept is not None:
            try:
                kept = self._signed.check_kept(self._kept, self._tree)
            except JournalCorrupt as error:
                raise Bad(self._tree, None, error.message) from error
            if kept.size > size:
                why = f"the record was rolled back: a checkpoint of {kept.size} entries was kept, {size} are here"
                raise Bad(self._tree, size, why)
            if kept.root != self._kept_root:
                raise Bad(
                    self._tree, kept.size - 1, f"the record forked: another one of {kept.size} entries was signed"
                )

    def _node(self, level: int, index: int, found: bytes) -> None:
        if (index + 1) << level * merkle.HEIGHT > self._signed_size:
            return
        table = schema.nodes
        query = sa.select(table.c.hash).where(table.c.tree == self._tree, table.c.level == level, table.c.idx == index)
        if self._db.execute(query).scalar() != found:
            raise JournalCorrupt("an inner node of the tree is not that of its entries")


def _size(note: bytes | None) -> int | None:
    try:
        return None if note is None else parse_note(note).checkpoint.size
    except InvalidInput:
        return None  # said by check_kept
