"""The trees over the record: signing them, proving what is in them, and handing out what outsiders verify."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Connection

from tenantry.errors import Conflict, NotFound
from tenantry.journal import checkpoints, schema
from tenantry.journal.checkpoints import Signer, Signing, SqlHashes, Stored
from tenantry.journal.entry import Entry, Event, Record, draft
from tenantry.journal.sql import mapped
from tenantry.journal.store import Journal
from tenantry.journal.verify import Verification
from tenantry.names import MSP
from tenantry.proof import merkle
from tenantry.proof.note import vkey
from tenantry.proof.trust import TrustedKey

__all__ = ["Ledger", "Proof", "Witnessed"]

T = TypeVar("T")
_FIRST = "the record's first key"


@dataclass(frozen=True, slots=True)
class Proof:
    """That one entry is in the tree of a checkpoint. ``path``: RFC 6962, from the leaf up."""

    index: int
    leaf: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What shows that entries are in a tenant's tree, and that tree in the estate's.

    Attributes:
        proofs: of the entries asked for, in the tenant's tree at ``stored.size``.
        witness: the entry of the MSP's tree that holds this checkpoint; it names this tenant's tree and no other.
        witness_proof: of that entry, in the MSP's tree at ``estate.size``.
        earlier: earlier checkpoints of the tenant's tree with their consistency proofs, by size.
        timestamps: authority → RFC 3161 response over the checkpoint's signed note.
    """

    origin: str
    keys: tuple[TrustedKey, ...]
    stored: Stored
    proofs: tuple[Proof, ...]
    witness: Record
    witness_proof: Proof
    estate: Stored
    earlier: tuple[tuple[Stored, tuple[bytes, ...]], ...]
    timestamps: Mapping[str, bytes]

    @property
    def vkey(self) -> str:
        """Verifier key of the tenant's checkpoint, as signed-note tools take it."""
        return vkey(self.stored.checkpoint.origin, self.keys[self.stored.epoch - 1].public)


class Ledger:
    """Thread-safe, like the journal it belongs to."""

    def __init__(self, journal: Journal, signer: Signer) -> None:
        self._journal = journal
        self._signer = signer

    # --- signing ------------------------------------------------------------------------------------------------------

    def checkpoint(self, tenant: str) -> Stored | None:
        """Sign the tenant's tree as it is now, witnessed by the MSP's tree, which is signed too.

        Returns:
            the newest checkpoint, also when it was signed before; None while nothing is recorded of the tenant.

        Raises:
            RolledBack: the record lacks what was signed before; nothing is signed.
            JournalUnavailable, VaultLocked, RecordError.
        """

        def sign(signing: Signing, db: Connection) -> Stored | None:
            tree, size = self._size(db, tenant)
            if tenant != MSP and size:
                newest = checkpoints.last(db, tree)
                if newest is None or newest.size != size:
                    signing.tenant(tree, size)
                else:
                    signing.confirm(tree, size)
            msp, grown = self._size(db, MSP)
            estate = checkpoints.last(db, msp)
            if estate is None or estate.size != grown:
                signing.estate()
            elif estate not in signing.signed:  # else it was proven just now, in this transaction
                signing.confirm(msp, grown)
            return checkpoints.last(db, tree)

        return self._signing(sign)

    def checkpoint_all(self) -> list[Stored]:
        """Sign every tree that grew since it was signed last. Raises as :meth:`checkpoint`."""
        signed = []
        for tenant in self._grown():
            stored = self.checkpoint(tenant)
            if stored is not None:
                signed.append(stored)
        return signed

    def rotate(self, *, by: str, reason: str, closing: bool = True) -> TrustedKey:
        """End the key's epoch: the old key signs once more, an entry begins the next epoch, the old key is destroyed.

        Args:
            closing: False where the old key must sign nothing more: in a copy that was restored it is another machine's, which
                may have gone on signing another record with it.

        Returns:
            the new key.
        """
        if closing:
            self.checkpoint(MSP)
        epoch = self._epoch()

        def sign(signing: Signing, db: Connection) -> TrustedKey:
            if signing.epoch != epoch:
                raise Conflict("another process began a new key meanwhile")
            signing.begin_epoch(by=by, reason=reason)
            signing.estate()
            return checkpoints.keys(db)[-1]

        key = self._signing(sign, epoch + 1)
        self._signer.retire(epoch)
        return key

    def attest(self, said: Mapping[str, Any], epoch: int) -> bytes:
        """Sign a statement with the key of the checkpoints that it rests on.

        Args:
            said: an in-toto statement. The caller has verified what it says.
            epoch: of the estate's checkpoint (:attr:`Witnessed.estate`).

        Raises:
            Conflict: a new key began meanwhile; prove anew.
        """
        from tenantry.proof.dsse import sign_statement  # 0.5 s to import

        if epoch != self._epoch():
            raise Conflict("a new signing key began meanwhile", remedy="Do the same again.")
        return sign_statement(said, self._signer.private(epoch))

    def _grown(self) -> list[str]:
        newest = (
            sa.select(schema.checkpoints.c.tree, sa.func.max(schema.checkpoints.c.size).label("size"))
            .group_by(schema.checkpoints.c.tree)
            .subquery()
        )
        query = (
            sa.select(schema.trees.c.tenant)
            .outerjoin(newest, newest.c.tree == schema.trees.c.tree)
            .where(schema.trees.c.tenant != MSP, sa.func.coalesce(newest.c.size, 0) < schema.trees.c.size)
            .order_by(schema.trees.c.tenant)
        )
        with self._reading() as db:
            return [*db.execute(query).scalars(), MSP]

    def _epoch(self) -> int:
        with self._reading() as db:
            return len(checkpoints.keys(db))

    def _signing(self, work: Callable[[Signing, Connection], T], epoch: int | None = None) -> T:
        """One transaction with the key of the epoch in force (or of ``epoch``, which is about to begin)."""
        while True:
            now = self._epoch()
            wanted = epoch if epoch is not None else max(now, 1)
            private = self._signer.private(wanted)  # may append: not within the transaction
            with mapped("sign the record"), self._journal._writing.begin() as db:
                if len(checkpoints.keys(db)) != now:
                    continue  # another process began an epoch meanwhile
                signing = self._session(db, private)
                began = now == 0
                if began:
                    signing.begin_epoch(by="tenantry", reason=_FIRST)
                result = work(signing, db)
            if began or epoch is not None:
                signing.publish()
            signing.settle()
            return result

    def _session(self, db: Connection, private: Ed25519PrivateKey) -> Signing:
        def append(event: Event) -> Entry:
            (*_, entry) = self._journal._append(db, MSP, [draft(event)])
            return entry

        return Signing(
            db,
            self._signer,
            private,
            msp_tree=self._journal._tree_id(MSP),
            append=append,
        )

    def _size(self, db: Connection, tenant: str) -> tuple[str, int]:
        """The tenant's tree and its size, locked for the transaction where the database has row locks."""
        query = sa.select(schema.trees).where(schema.trees.c.tenant == tenant).with_for_update()
        row = db.execute(query).one_or_none()
        return (row.tree, row.size) if row is not None else (self._journal._tree_id(tenant), 0)

    # --- what is handed out -------------------------------------------------------------------------------------------

    def keys(self) -> tuple[str, tuple[TrustedKey, ...]]:
        """The installation's name, and the key of each epoch."""
        with self._reading() as db:
            return checkpoints.origin_of(self._journal._tree_id(MSP)), tuple(checkpoints.keys(db))

    def prove(self, tenant: str, indices: Sequence[int], *, earlier: int = 1000) -> Witnessed:
        """Proofs for entries of a tenant's tree, against its newest checkpoint.

        Args:
            indices: their places in the tree; all of them below the checkpoint's size, so sign before.
            earlier: how many earlier checkpoints, the newest first, come with consistency proofs.

        Raises:
            NotFound: nothing was signed of this tenant, or not these entries yet.
        """
        journal = self._journal
        with self._reading() as db:
            tree, msp = journal._tree_id(tenant), journal._tree_id(MSP)
            stored, estate = checkpoints.last(db, tree), checkpoints.last(db, msp)
            if stored is None or estate is None or stored.witness is None or max(indices, default=0) >= stored.size:
                raise NotFound(
                    f"not everything of {tenant} is signed yet",
                    remedy="Sign the record: `tenantry journal checkpoint`.",
                )
            hashes = SqlHashes(db, tree)
            query = sa.select(schema.timestamps).where(
                schema.timestamps.c.tree == tree, schema.timestamps.c.size == stored.size
            )
            tokens = {row.authority: bytes(row.response) for row in db.execute(query)}
            return Witnessed(
                origin=checkpoints.origin_of(msp),
                keys=tuple(checkpoints.keys(db)),
                stored=stored,
                proofs=tuple(_proof(hashes, index, stored.size) for index in indices),
                witness=next(iter(journal.tail(MSP, stored.witness - 1, 1))),
                witness_proof=_proof(SqlHashes(db, msp), stored.witness, estate.size),
                estate=estate,
                earlier=tuple(
                    (old, tuple(merkle.consistency_proof(hashes, old.size, stored.size)))
                    for old in checkpoints.stored(db, tree)[:-1][-earlier:]
                ),
                timestamps=tokens,
            )

    def newest(self, tenant: str) -> Stored | None:
        """The newest checkpoint of a tenant's tree."""
        with self._reading() as db:
            return checkpoints.last(db, self._journal._tree_id(tenant))

    def follows(self, tenant: str, old: int) -> tuple[Stored, tuple[bytes, ...]]:
        """The newest checkpoint of a tenant, and the proof that it begins with the tree of ``old`` entries.

        Raises:
            NotFound: nothing is signed, or nothing as large as that.
        """
        with self._reading() as db:
            tree = self._journal._tree_id(tenant)
            stored = checkpoints.last(db, tree)
            if stored is None or stored.size < old:
                raise NotFound(f"no checkpoint of {tenant} has {old} entries")
            return stored, tuple(merkle.consistency_proof(SqlHashes(db, tree), old, stored.size))

    def add_timestamp(self, stored: Stored, authority: str, response: bytes) -> bool:
        """Keep a verified RFC 3161 response over a checkpoint's note, and record that there is one. False when there was one
        of this authority before."""
        row = {"tree": stored.tree, "size": stored.size, "authority": authority, "response": response}
        table = schema.timestamps
        with mapped("store a time stamp"), self._journal._writing.begin() as db:
            self._size(db, MSP)
            known = sa.select(table.c.size).where(
                table.c.tree == stored.tree, table.c.size == stored.size, table.c.authority == authority
            )
            if db.execute(known).first() is not None:
                return False
            db.execute(table.insert(), row)
            said = {**row, "response": hashlib.sha256(response).hexdigest()}
            self._journal._append(db, MSP, [draft(Event(checkpoints.STAMPED, said))])
        return True

    def hashes(self, tenant: str, size: int) -> Iterator[tuple[bytes, bytes]]:
        """``(entry, leaf)`` of the first ``size`` entries of a tenant's tree, in order."""
        table = schema.entries
        query = (
            sa.select(table.c.body, table.c.leaf)
            .where(table.c.tree == self._journal._tree_id(tenant), table.c.seq < size)
            .order_by(table.c.seq)
            .execution_options(yield_per=1000)
        )
        with self._reading() as db:
            for row in db.execute(query):
                yield row.body, row.leaf

    def verify(self) -> Verification:
        """As :meth:`Journal.verify`, and the copies of checkpoints kept outside the database."""
        return self._journal.verify(kept=self._signer.kept)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with mapped("read the record"), self._journal._engine.connect() as db:
            yield db


def _proof(hashes: SqlHashes, index: int, size: int) -> Proof:
    (leaf,) = hashes.read(0, index, 1)
    return Proof(index, bytes(leaf), tuple(merkle.inclusion_proof(hashes, index, size)))
