"""The embedded secret store: ``vault.db``, each secret under AES-256-GCM with a key derived from its tenant's.

The associated data of a secret is ``tenant NUL name NUL version``, so a ciphertext that was moved to another tenant, name or version
does not open. A call that returned is durable, a call that was killed left nothing (SQLite, WAL, synchronous=FULL).
"""

from __future__ import annotations

import builtins
import json
import secrets
import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from pydantic import SecretBytes

from tenantry.clock import rfc3339
from tenantry.errors import Conflict, NotFound, SecretUnreadable
from tenantry.localdb import LocalDb
from tenantry.secretstore import EMBEDDED, Deletion, Facts, Opened, SecretVersion, StoreCheck
from tenantry.tenantkeys import TenantKeys
from tenantry.vaultkeys import NONCE

__all__ = ["EmbeddedStore"]

_NEWEST: Final = (
    "SELECT s.version, s.sealed, k.key_id, k.wrapped, k.store FROM secrets s JOIN tenant_keys k ON k.tenant = s.tenant "
    "WHERE s.tenant = ? AND s.name = ? AND s.sealed IS NOT NULL "
)
_SHOWN: Final = "tenant, name, version, kind, created_at, expires_at, rotate_at, metadata"


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
        if expect is not None and (row["live"] or 0) != expect:
            raise Conflict(f"{name} of {tenant} has version {row['live'] or 0} by now, not {expect}")
        version = (row["v"] or 0) + 1
        stored = SecretVersion.of(tenant, name, version, self._clock(), facts)
        nonce = secrets.token_bytes(NONCE)
        sealed = nonce + cipher.encrypt(nonce, value, _associated(tenant, name, version))
        times = (rfc3339(at) if at else None for at in (stored.created_at, facts.expires_at, facts.rotate_at))
        shown = json.dumps(dict(facts.metadata), ensure_ascii=False, sort_keys=True)
        db.execute(
            f"INSERT INTO secrets ({_SHOWN}, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # our own names
            (tenant, name, version, facts.kind, *times, shown, sealed),
        )
        return stored

    def get(self, tenant: str, name: str, version: int | None = None) -> Opened:
        found = self.find(tenant, name, version)
        if found is None:
            raise NotFound(f"no secret {name}" + (f" version {version}" if version else "") + f" for {tenant}")
        return self.open(tenant, name, found)

    def find(self, tenant: str, name: str, version: int | None = None) -> Any:
        """The row of a secret and its tenant's key, for `open`; None when there is none. ``store``: where the tenant's secrets
        lie by now."""
        if version is None:
            return self._db.one(_NEWEST + "ORDER BY s.version DESC LIMIT 1", tenant, name)
        return self._db.one(_NEWEST + "AND s.version = ?", tenant, name, version)

    def open(self, tenant: str, name: str, row: Any) -> Opened:
        """Open what `find` found."""
        version = int(row["version"])
        cipher = self._keys.cipher_of(tenant, row["key_id"], row["wrapped"])
        sealed = row["sealed"]
        try:
            plain = cipher.decrypt(sealed[:NONCE], sealed[NONCE:], _associated(tenant, name, version))
        except (InvalidTag, ValueError):
            raise SecretUnreadable(f"{name} of {tenant} does not open") from None
        return Opened(version, SecretBytes(plain))

    def list(self, tenant: str) -> builtins.list[SecretVersion]:
        rows = self._db.all(
            # SQLite gives the other columns of the row that holds the maximum (lang_select.html, "bare columns").
            "SELECT tenant, name, max(version) AS version, kind, created_at, expires_at, rotate_at, metadata FROM secrets "
            "WHERE tenant = ? AND sealed IS NOT NULL GROUP BY name ORDER BY name",
            tenant,
        )
        return [_version(row) for row in rows]

    def versions(self, tenant: str, name: str) -> tuple[SecretVersion, ...]:
        rows = self._db.all(
            f"SELECT {_SHOWN} FROM secrets WHERE tenant = ? AND name = ? AND sealed IS NOT NULL "  # noqa: S608  # as above
            "ORDER BY version DESC",
            *(tenant, name),
        )
        return tuple(_version(row) for row in rows)

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
            raise NotFound(f"no secret {name} for {tenant}")
        return gone

    def check(self) -> StoreCheck:
        return StoreCheck(ok=True, facts={"file": self._db.path.name})

    def close(self) -> None:
        """Nothing of its own to close: the file is the vault's."""


def _associated(tenant: str, name: str, version: int) -> bytes:
    return f"{tenant}\0{name}\0{version}".encode()


def _version(row: Any) -> SecretVersion:
    tenant, name, version, kind, created, expires, rotate, metadata = row
    # Our own row, checked when it was written: a list of thousands is not validated again.
    return SecretVersion.model_construct(
        tenant=tenant,
        name=name,
        version=version,
        kind=kind,
        created_at=datetime.fromisoformat(created),
        expires_at=datetime.fromisoformat(expires) if expires else None,
        rotate_at=datetime.fromisoformat(rotate) if rotate else None,
        metadata=json.loads(metadata) if metadata != "{}" else {},
    )
