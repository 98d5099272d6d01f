"""Signing the trees: checkpoints in SQL beside the entries, in the transaction that holds the tree's lock.

A tenant's checkpoint is *witnessed*: an entry of the MSP's tree holds its size and root, and the MSP's tree is signed after it.
The order of the witnesses is the order of all checkpoints of the estate, which is what makes a key's epoch checkable.

A key never signs two checkpoints that contradict each other: before each signature the consistency proof from the last
checkpoint, and from the copy kept outside the database, is made and verified. Where it does not hold nothing is signed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Connection

from tenantry.errors import InvalidInput, JournalCorrupt, NotProven, RolledBack
from tenantry.journal import schema
from tenantry.journal.entry import Entry, Event
from tenantry.proof import merkle
from tenantry.proof.note import Checkpoint, fingerprint, open_note, parse_note, raw_public, sign_checkpoint, signed_by
from tenantry.proof.trust import TrustedKey

WITNESSED: Final = "checkpoint.witnessed"
BEGUN: Final = "signing_key.begun"
ANNOUNCED: Final = "checkpoint.estate"
"""The entry that a checkpoint of the MSP's own tree ends with when it witnesses nobody: so none can be taken away unnoticed."""
STAMPED: Final = "checkpoint.timestamped"


class Signer(Protocol):
    """The keys of the record, and what is kept of it outside the database."""

    def private(self, epoch: int) -> Ed25519PrivateKey:
        """The key of an epoch, made when it is new. May record that it was read, so it is asked for outside transactions."""
        ...

    def retire(self, epoch: int) -> None:
        """Destroy the key of an epoch that has ended."""
        ...

    def kept(self, tree: str) -> bytes | None:
        """The newest signed checkpoint kept outside the database."""
        ...

    def keep(self, tree: str, note: bytes) -> None: ...

    def publish(self, origin: str, keys: Sequence[TrustedKey]) -> None:
        """Put the public keys where verification looks for them."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored checkpoint.

    Attributes:
        witness: index of its entry in the MSP's tree; None for the MSP's own.
        at: time of that entry; of the newest entry for the MSP's own.
    """

    tree: str
    size: int
    epoch: int
    witness: int | None
    at: str
    note: bytes

    @property
    def checkpoint(self) -> Checkpoint:
        return parse_note(self.note).checkpoint


def origin_of(msp_tree: str) -> str:
    """The installation's name in checkpoints and key files."""
    return f"tenantry.{msp_tree}"


_TILES: Final = 8
"""That are held at a time: a proof goes to and fro between the levels, of which a tree of a billion entries has four."""


class SqlHashes:
    """:class:`tenantry.proof.merkle.Hashes` over the tables, one tree, within one transaction."""

    def __init__(self, db: Connection, tree: str) -> None:
        self._db = db
        self._tree = tree
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def read(self, level: int, start: int, count: int) -> Sequence[bytes]:
        tile, offset = divmod(start, merkle.WIDTH)
        held = self._tiles.get((level, tile), ())
        if len(held) < offset + count:  # not read yet, or grown since
            while len(self._tiles) >= _TILES:
                self._tiles.pop(next(iter(self._tiles)))
            held = self._tiles[level, tile] = self._tile(level, tile * merkle.WIDTH)
        found = held[offset : offset + count]
        if len(found) != count or not all(isinstance(one, bytes) and len(one) == 32 for one in found):
            raise JournalCorrupt(f"hashes of the tree {self._tree} are missing or damaged", level=level, start=start)
        return found

    def _tile(self, level: int, start: int) -> list[bytes]:
        if level == 0:
            table, place, value = schema.entries, schema.entries.c.seq, schema.entries.c.leaf
            where = table.c.tree == self._tree
        else:
            table, place, value = schema.nodes, schema.nodes.c.idx, schema.nodes.c.hash
            where = (table.c.tree == self._tree) & (table.c.level == level)
        rows = self._db.execute(
            sa.select(place, value).where(where, place >= start, place < start + merkle.WIDTH).order_by(place)
        ).all()
        return [found for at, (number, found) in enumerate(rows, start) if number == at]

    def extend(self, size: int) -> None:
        """Store the complete subtrees that a tree of that size has and that are not there yet."""
        for level, count in merkle.stored_levels(size):
            table = schema.nodes
            have = self._db.execute(
                sa.select(sa.func.count()).where(table.c.tree == self._tree, table.c.level == level)
            ).scalar_one()
            rows = [
                {
                    "tree": self._tree,
                    "level": level,
                    "idx": index,
                    "hash": merkle.fold(self.read(level - 1, index * merkle.WIDTH, merkle.WIDTH)),
                }
                for index in range(have, count)
            ]
            if rows:
                self._db.execute(table.insert(), rows)


def keys(db: Connection) -> list[TrustedKey]:
    """Every epoch's key, oldest first."""
    found = []
    for row in db.execute(sa.select(schema.signing_keys).order_by(schema.signing_keys.c.epoch)):
        _typed((row.public_key, bytes), (row.epoch, int), (row.from_index, int), (row.since, str))
        found.append(TrustedKey(row.public_key, row.epoch, row.from_index, row.since))
    return found


def last(db: Connection, tree: str, at_most: int | None = None) -> Stored | None:
    """The newest checkpoint of a tree; with ``at_most`` the newest one that is not larger."""
    table = schema.checkpoints
    query = sa.select(table).where(table.c.tree == tree).order_by(table.c.size.desc()).limit(1)
    row = db.execute(query if at_most is None else query.where(table.c.size <= at_most)).one_or_none()
    return None if row is None else _stored(row)


def stored(db: Connection, tree: str) -> list[Stored]:
    """Every checkpoint of a tree, by size."""
    table = schema.checkpoints
    return [_stored(row) for row in db.execute(sa.select(table).where(table.c.tree == tree).order_by(table.c.size))]


def _stored(row: sa.Row[Any]) -> Stored:
    one = Stored(row.tree, row.size, row.epoch, row.witness, row.at, row.note)
    _typed(
        (one.tree, str), (one.size, int), (one.epoch, int), (one.witness or 0, int), (one.at, str), (one.note, bytes)
    )
    return one


def _typed(*values: tuple[object, type]) -> None:
    """SQLite stores any type in any column, whatever the schema says."""
    if any(type(value) is not kind for value, kind in values):
        raise JournalCorrupt("a row of the signatures holds a value of another type than was written")


class Signing:
    """One transaction's signing, by one epoch's key.

    Args:
        append: appends one event to the MSP's tree within the transaction.
        msp_tree: id of the MSP's tree.
    """

    def __init__(
        self,
        db: Connection,
        signer: Signer,
        private: Ed25519PrivateKey,
        *,
        msp_tree: str,
        append: Callable[[Event], Entry],
    ) -> None:
        self._db = db
        self._signer = signer
        self._private = private
        self._public = raw_public(private.public_key())
        self._msp = msp_tree
        self._append = append
        self.signed: list[Stored] = []
        self._keys = keys(db)

    @property
    def epoch(self) -> int:
        return len(self._keys)

    def begin_epoch(self, *, by: str, reason: str) -> None:
        """Record that a key is in force from here on."""
        epoch = self.epoch + 1
        said: dict[str, Any] = {
            "epoch": epoch,
            "public_key": self._public.hex(),
            "fingerprint": fingerprint(self._public),
            "by": by,
            "reason": reason,
        }
        entry = self._append(Event(BEGUN, said))
        key = TrustedKey(self._public, epoch, entry.seq, str(entry.fields["ts"]))
        self._db.execute(
            schema.signing_keys.insert(),
            {"epoch": epoch, "from_index": key.from_index, "since": key.since, "public_key": self._public},
        )
        self._keys.append(key)

    def tenant(self, tree: str, size: int) -> None:
        """Sign a tenant's tree and have the MSP's tree witness it."""
        checkpoint = self._prove(tree, size)
        said = {"tree": tree, "size": size, "root": checkpoint.root.hex(), "epoch": self.epoch}
        witness = self._append(Event(WITNESSED, said))
        self._store(checkpoint, tree, witness.seq, str(witness.fields["ts"]))

        self._estate(witness)

    def confirm(self, tree: str, size: int) -> None:
        """Nothing is to be signed: prove that the tree is still what was signed. Raises RolledBack."""
        self._prove(tree, size)

    def estate(self) -> None:
        """Sign the MSP's own tree, although it has nobody to witness."""
        self._estate(self._append(Event(ANNOUNCED)))

    def _estate(self, newest: Entry) -> None:
        size = newest.seq + 1
        self._store(self._prove(self._msp, size), self._msp, None, str(newest.fields["ts"]))

    def _prove(self, tree: str, size: int) -> Checkpoint:
        """The tree at that size, proven to begin with everything that was signed of it before.

        Raises:
            RolledBack: what was signed before is not in it.
        """
        hashes = SqlHashes(self._db, tree)
        before = last(self._db, tree)
        kept = self._signer.kept(tree)
        if before is not None:
            self._follows(hashes, before.note, tree, size, "in the record")
        if kept is not None and (before is None or kept != before.note):  # the very same one is not proven twice
            self._follows(hashes, kept, tree, size, "kept outside the record")
        hashes.extend(size)
        return Checkpoint(f"{origin_of(self._msp)}/{tree}", size, merkle.root(hashes, size))

    def _follows(self, hashes: SqlHashes, note: bytes, tree: str, size: int, where: str) -> None:
        try:
            # The signature first: who altered the copy must not be able to stop signing by it unnoticed.
            old = next(open_note(note, key.public) for key in reversed(self._keys) if signed_by(note, key.public))
        except (NotProven, InvalidInput, StopIteration) as error:
            raise JournalCorrupt(f"the last checkpoint of {tree} {where} was not signed with our keys") from error
        if old.size > size:
            raise RolledBack(f"a checkpoint of {tree} {where} has {old.size} entries, the record {size}")
        if size:
            hashes.extend(size)
            proof = merkle.consistency_proof(hashes, old.size, size)
            if not merkle.consistent(old.size, old.root, size, merkle.root(hashes, size), proof):
                raise RolledBack(f"the record does not begin with what was signed of {tree} at {old.size} entries")

    def _store(self, checkpoint: Checkpoint, tree: str, witness: int | None, at: str) -> None:
        note = sign_checkpoint(checkpoint, self._private)
        stored = Stored(tree, checkpoint.size, self.epoch, witness, at, note)
        self._db.execute(
            schema.checkpoints.insert(),
            {name: getattr(stored, name) for name in ("tree", "size", "epoch", "witness", "at", "note")},
        )
        self.signed.append(stored)

    def settle(self) -> None:
        """After the transaction: copies go where a restored database cannot take them back."""
        for one in self.signed:
            self._signer.keep(one.tree, one.note)

    def publish(self) -> None:
        self._signer.publish(origin_of(self._msp), self._keys)
