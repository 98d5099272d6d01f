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
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from pydantic import SecretBytes

from tenantry.clock import rfc3339
from tenantry.errors import SecretUnreadable
from tenantry.localdb import LocalDb
from tenantry.secretstore import EMBEDDED, Deletion, Facts, Opened, SecretVersion, StoreCheck, absent, check_expected
from tenantry.tenantkeys import TenantKeys
from tenantry.vaultkeys import NONCE

__all__ = ["EmbeddedStore"]

_NEWEST: Final = (
    "SELECT s.version, s.sealed, k.key_id FROM tenant_keys k CROSS JOIN secrets s ON s.tenant = k.tenant "
    "WHERE k.tenant = ? AND s.name = ? AND s.sealed IS NOT NULL "
)
_HERE: Final = f"AND (k.store IS NULL OR k.store = '{EMBEDDED}') "
_SHOWN: Final = "name, version, kind, created_at, expires_at, rotate_at, metadata"
_ALL: Final = (
    "SELECT s.name, s.version, s.kind, s.created_at, s.expires_at, s.rotate_at, s.metadata FROM tenant_keys k "
    "CROSS JOIN secrets s ON s.tenant = k.tenant WHERE k.tenant = ? AND s.sealed IS NOT NULL "
)
_ONE, _LATEST, _IN_TURN = "AND s.version = ?", "ORDER BY s.version DESC LIMIT 1", "ORDER BY s.name, s.version"
# Whole statements: SQLite's compiled ones are found by their text.
_FINDS: Final = {
    (here, single): _NEWEST + (_HERE if here else "") + (_ONE if single else _LATEST)
    for here in (True, False)
    for single in (True, False)
}
_LISTS: Final = {here: _ALL + (_HERE if here else "") + _IN_TURN for here in (True, False)}


class EmbeddedStore:
    """Implements :class:`~tenantry.secretstore.SecretStore`; besides its errors, `VaultLocked` when another process has changed
    the master key since."""

    vendor = EMBEDDED
    keeps: int | None = None

    def __init__(self, db: LocalDb, keys: TenantKeys, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock

    def put(self, tenant: str, name: str, value: bytes, facts: Facts, *, expect: int | None = None) -> SecretVersion:
        with self._db.transaction() as db:
            return self.put_within(db, tenant, name, value, facts, expect)

    def put_within(
        self, db: sqlite3.Connection, tenant: str, name: str, value: bytes, facts: Facts, expect: int | None = None
    ) -> SecretVersion:
        """As `put`, in a transaction that is under way."""
        cipher = self._keys.cipher(tenant)
        row = db.execute(
            "SELECT max(version) AS v, max(CASE WHEN sealed IS NOT NULL THEN version END) AS live FROM secrets "
            "WHERE tenant = ? AND name = ?",
            (tenant, name),
        ).fetchone()
        check_expected(tenant, name, row["live"] or 0, expect)
        version = (row["v"] or 0) + 1
        stored = SecretVersion.of(tenant, name, version, self._clock(), facts)
        nonce = secrets.token_bytes(NONCE)
        sealed = nonce + cipher.encrypt(nonce, value, _associated(tenant, name, version))
        times = (rfc3339(at) if at else None for at in (stored.created_at, facts.expires_at, facts.rotate_at))
        shown = json.dumps(dict(facts.metadata), ensure_ascii=False, sort_keys=True)
        db.execute(
            f"INSERT INTO secrets (tenant, {_SHOWN}, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # our own names
            (tenant, name, version, facts.kind, *times, shown, sealed),
        )
        return stored

    def get(self, tenant: str, name: str, version: int | None = None) -> Opened:
        found = self.find(tenant, name, version)
        if found is None:
            raise absent(tenant, name, version)
        return self.open(tenant, name, found)

    def find(self, tenant: str, name: str, version: int | None = None, *, here: bool = False) -> Any:
        """The row of a secret, for `open` and `unsealed`; None when there is none.

        Args:
            here: only if this is the store that is asked for the tenant: copies of a move that is under way are not.
        """
        if version is None:
            return self._db.one(_FINDS[here, False], tenant, name)
        return self._db.one(_FINDS[here, True], tenant, name, version)

    def open(self, tenant: str, name: str, row: Any) -> Opened:
        """Open what `find` found."""
        return Opened(int(row[0]), self.unsealed(tenant, name, row))

    def unsealed(self, tenant: str, name: str, row: Any) -> SecretBytes:
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
        return self.shown(tenant, self.find_all(tenant))

    def find_all(self, tenant: str, *, here: bool = False) -> builtins.list[tuple[Any, ...]]:
        """The rows of a tenant's secrets, for `shown`, by name and version; ``here`` as for `find`."""
        return self._db.tuples(_LISTS[here], tenant)

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
                    _NO_FACTS if metadata == "{}" else json.loads(metadata),
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
