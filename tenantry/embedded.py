"""The embedded secret store: ``vault.db``, each secret under AES-256-GCM with a key derived from its tenant's.

The associated data of a secret is ``tenant NUL name NUL version``, so a ciphertext that was moved to another tenant, name or version
does not open. A call that returned is durable, a call that was killed left nothing (SQLite, WAL, synchronous=FULL).
"""

from __future__ import annotations

import builtins
import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from pydantic import SecretBytes

from tenantry.clock import rfc3339
from tenantry.errors import SecretUnreadable
from tenantry.localdb import LocalDb
from tenantry.secretstore import EMBEDDED, Deletion, Facts, Opened, SecretVersion, StoreCheck, absent, check_expected
from tenantry.tenantkeys import TenantKeys
from tenantry.vaultkeys import NONCE

__all__ = ["Before", "EmbeddedStore"]

# The key's id beside the secret, and not joined with it: a tenth of what it takes to get one.
_NEWEST: Final = (
    "SELECT version, sealed, (SELECT key_id FROM tenant_keys WHERE tenant = ?1{}) FROM secrets "
    "WHERE tenant = ?1 AND name = ?2 AND sealed IS NOT NULL "
)
_HERE: Final = f" AND (store IS NULL OR store = '{EMBEDDED}')"
_SHOWN: Final = "name, version, kind, created_at, expires_at, rotate_at, metadata"
# The tenant's own row is looked at once, not beside each secret.
_ALL: Final = f"SELECT {_SHOWN} FROM secrets WHERE tenant = ?1 AND sealed IS NOT NULL AND "  # noqa: S608  # our own names
_ALL_HERE: Final = f"(SELECT store IS NULL OR store = '{EMBEDDED}' FROM tenant_keys WHERE tenant = ?1) "  # noqa: S608  # a constant
_ALL_ANYWHERE: Final = "EXISTS (SELECT 1 FROM tenant_keys WHERE tenant = ?1) "
_ONE, _LATEST, _IN_TURN = "AND version = ?3", "ORDER BY version DESC LIMIT 1", "ORDER BY name, version"
# Whole statements: SQLite's compiled ones are found by their text.
_FINDS: Final = {
    (here, single): _NEWEST.format(_HERE if here else "") + (_ONE if single else _LATEST)
    for here in (True, False)
    for single in (True, False)
}
_LISTS: Final = {here: _ALL + (_ALL_HERE if here else _ALL_ANYWHERE) + _IN_TURN for here in (True, False)}
_INSERT: Final = f"INSERT INTO secrets (tenant, {_SHOWN}, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  # our own names
_BEFORE: Final = (
    "SELECT k.store, k.moving_to, CASE WHEN k.wrapped IS NOT NULL THEN k.key_id END, max(s.version), "
    "max(CASE WHEN s.sealed IS NOT NULL THEN s.version END) "
    "FROM tenant_keys k LEFT JOIN secrets s ON s.tenant = k.tenant AND s.name = ? WHERE k.tenant = ?"
)
_KEPT: Final = 50_000
"""Secrets of which what is shown, or what is sealed, stays in memory, some 500 bytes each."""


class Before(NamedTuple):
    """What stands in the file before a secret is put.

    Attributes:
        store: where the tenant's secrets lie; None: that is not settled, or it has no key.
        moving_to: the store to which they are being copied.
        key_id: of the tenant's key; None: it has none, or it was destroyed.
        version: the newest of this name that ever was.
        live: the newest that is there.
    """

    store: str | None
    moving_to: str | None
    key_id: str | None
    version: int | None
    live: int | None


class _Read:
    """What was read while the file had one stamp: lists, and secrets as they lie in it, sealed."""

    __slots__ = ("held", "of", "rows", "stamp")

    def __init__(self, stamp: tuple[int, int] | None = None) -> None:
        self.stamp = stamp
        self.of: dict[tuple[str, bool], list[SecretVersion]] = {}
        self.rows: dict[tuple[str, str, int | None, bool], tuple[int, bytes, str]] = {}
        self.held = 0


class EmbeddedStore:
    """Implements :class:`~tenantry.secretstore.SecretStore`; besides its errors, `VaultLocked` when another process has changed
    the master key since."""

    vendor = EMBEDDED
    keeps: int | None = None

    def __init__(self, db: LocalDb, keys: TenantKeys, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._read = _Read()

    def put(self, tenant: str, name: str, value: bytes, facts: Facts, *, expect: int | None = None) -> SecretVersion:
        with self._db.transaction() as db:
            return self.put_within(db, self.before(db, tenant, name), tenant, name, value, facts, expect)

    @staticmethod
    def before(db: sqlite3.Connection, tenant: str, name: str) -> Before:
        """What a put has to know, in one read of the transaction that is under way: each one more is a tenth of what all the rest of a
        put takes besides its sync."""
        return Before(*db.execute(_BEFORE, (name, tenant)).fetchone())  # an aggregate is a row always

    def put_within(
        self,
        db: sqlite3.Connection,
        before: Before,
        tenant: str,
        name: str,
        value: bytes,
        facts: Facts,
        expect: int | None = None,
    ) -> SecretVersion:
        """As `put`, in a transaction that is under way, in which `before` was read."""
        key = before.key_id
        cipher = self._keys.cipher(tenant) if key is None else self._keys.cipher_of(tenant, key)
        check_expected(tenant, name, before.live or 0, expect)
        version = (before.version or 0) + 1
        stored = SecretVersion.of(tenant, name, version, self._clock(), facts)
        nonce = secrets.token_bytes(NONCE)
        sealed = nonce + cipher.encrypt(nonce, value, _associated(tenant, name, version))
        times = [at and rfc3339(at) for at in (stored.created_at, facts.expires_at, facts.rotate_at)]
        shown = json.dumps(dict(facts.metadata), ensure_ascii=False, sort_keys=True) if facts.metadata else "{}"
        db.execute(_INSERT, (tenant, name, version, facts.kind, *times, shown, sealed))
        return stored

    def get(self, tenant: str, name: str, version: int | None = None) -> Opened:
        found = self.find(tenant, name, version)
        if found is None:
            raise absent(tenant, name, version)
        return self.open(tenant, name, found)

    def find(
        self, tenant: str, name: str, version: int | None = None, *, here: bool = False
    ) -> tuple[int, bytes, str] | None:
        """The row of a secret, for `open` and `unsealed`; None when there is none. It is kept in memory, sealed as it is, for as long as
        nobody has changed the file.

        Args:
            here: only if this is the store that is asked for the tenant: copies of a move that is under way are not.
        """
        read = self._current()
        place = (tenant, name, version, here)
        if read is not None and (known := read.rows.get(place)) is not None:
            return known
        if version is None:
            found = self._db.tuples(_FINDS[here, False], tenant, name)
        else:
            found = self._db.tuples(_FINDS[here, True], tenant, name, version)
        if not found or found[0][2] is None:
            return None
        number, sealed, key = found[0]
        row = (int(number), bytes(sealed), str(key))
        if read is not None:
            read.rows[place] = row
            read.held += 1
        return row

    def _current(self) -> _Read | None:
        """What was read of the file as it is now; None within a transaction of this thread's."""
        read, stamp = self._read, self._db.stamp()
        if stamp is None:
            return None
        if read.stamp != stamp or read.held > _KEPT:
            # A new one, so that what another thread is reading from the file as it was goes to the old one.
            read = self._read = _Read(stamp)
        return read

    def open(self, tenant: str, name: str, row: tuple[int, bytes, str]) -> Opened:
        """Open what `find` found."""
        return Opened(row[0], self.unsealed(tenant, name, row))

    def unsealed(self, tenant: str, name: str, row: tuple[int, bytes, str]) -> SecretBytes:
        """The value alone of what `find` found."""
        version, sealed, identifier = row
        try:
            return SecretBytes(
                self._keys.cipher_of(tenant, identifier).decrypt(
                    sealed[:NONCE], sealed[NONCE:], f"{tenant}\0{name}\0{version}".encode()
                )
            )
        except (InvalidTag, ValueError):
            raise SecretUnreadable(f"{name} of {tenant} does not open") from None

    def list(self, tenant: str) -> builtins.list[SecretVersion]:
        return self.listed(tenant, here=False)

    def listed(self, tenant: str, *, here: bool) -> builtins.list[SecretVersion]:
        """As `list`; ``here`` as for `find`. What was listed is kept in memory for as long as nobody has changed the file."""
        read = self._current()
        found = read.of.get((tenant, here)) if read is not None else None
        if found is None:
            found = self.shown(tenant, self._db.tuples(_LISTS[here], tenant))
            if read is not None:
                read.of[tenant, here] = found
                read.held += len(found)
        return found.copy()

    def forget(self) -> None:
        """Read again what was read. Nothing needs this but who measures it."""
        self._read = _Read()

    @staticmethod
    def shown(tenant: str, rows: builtins.list[tuple[Any, ...]]) -> builtins.list[SecretVersion]:
        """The newest version of each name among what `find_all` found."""
        newest = {
            row[0]: row for row in rows
        }  # of each name the last row, which is the newest, at the place of the first
        # `tuple.__new__` and no call of ours in between: a list of thousands takes half the time.
        return [
            _made(
                SecretVersion,
                (
                    tenant,
                    name,
                    version,
                    kind,
                    _parsed(created),
                    expires and _parsed(expires),
                    rotate and _parsed(rotate),
                    _NO_FACTS if metadata == "{}" else MappingProxyType(json.loads(metadata)),
                ),
            )
            for name, version, kind, created, expires, rotate, metadata in newest.values()
        ]

    def versions(self, tenant: str, name: str) -> tuple[SecretVersion, ...]:
        rows = self._db.tuples(
            f"SELECT {_SHOWN} FROM secrets WHERE tenant = ? AND name = ? AND sealed IS NOT NULL "  # noqa: S608  # as above
            "ORDER BY version DESC",
            *(tenant, name),
        )
        return tuple(self.shown(tenant, [row])[0] for row in rows)

    def delete(self, tenant: str, name: str, version: int | None = None) -> Deletion:
        """As the contract; version numbers are not used again."""
        with self._db.transaction() as db:
            gone = self.delete_within(db, tenant, name, version)
        self._db.forget_deleted()
        left = self.find(tenant, name, version)
        return Deletion(versions=gone, proven=left is None, how="overwritten in vault.db; its log was emptied")

    @staticmethod
    def delete_within(db: sqlite3.Connection, tenant: str, name: str, version: int | None = None) -> int:
        """Delete in a transaction that is under way; how many versions went. Follow it with `LocalDb.forget_deleted`.

        Raises:
            NotFound: nothing of that name or version is stored.
        """
        gone = db.execute(
            "UPDATE secrets SET sealed = NULL, metadata = '{}' WHERE tenant = ? AND name = ? AND sealed IS NOT NULL "
            "AND (? IS NULL OR version = ?)",
            (tenant, name, version, version),
        ).rowcount
        if not gone:
            raise absent(tenant, name)
        return gone

    def check(self) -> StoreCheck:
        return StoreCheck(ok=True, facts={"file": self._db.path.name})

    def close(self) -> None:
        """Nothing of its own to close: the file is the vault's."""


def _associated(tenant: str, name: str, version: int) -> bytes:
    return f"{tenant}\0{name}\0{version}".encode()


_made: Final = tuple.__new__
_parsed: Final = datetime.fromisoformat
_NO_FACTS: Final[Mapping[str, str]] = MappingProxyType({})
