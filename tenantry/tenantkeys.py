"""The tenants' keys while the vault is open: unwrapped once, thrown away when they were destroyed or replaced."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tenantry.clock import rfc3339
from tenantry.errors import NotFound, Refused, SecretUnreadable, VaultLocked
from tenantry.localdb import LocalDb
from tenantry.masterkey import KEY_BYTES, key_id
from tenantry.names import MSP
from tenantry.vaultkeys import derive, unwrap, wrap

__all__ = ["VAULT_PURPOSE", "TenantKeys"]

VAULT_PURPOSE: Final = "vault"
"""HKDF's info of the key under which a tenant's own secrets lie; never handed out."""


class TenantKeys:
    """The rows of ``tenant_keys``, and what they open to. Safe between threads; other processes' changes are seen at once."""

    def __init__(self, db: LocalDb, master: bytes, clock: Callable[[], datetime]) -> None:
        self._db = db
        self.master = master
        self._clock = clock
        self._open: dict[str, tuple[str, bytes, AESGCM]] = {}
        self._lock = threading.Lock()

    def names(self) -> tuple[str, ...]:
        """The tenants that have a key, by name, without ``_msp``."""
        rows = self._db.all(
            "SELECT tenant FROM tenant_keys WHERE wrapped IS NOT NULL AND tenant <> ? ORDER BY tenant", MSP
        )
        return tuple(str(row["tenant"]) for row in rows)

    def key(self, tenant: str) -> bytes:
        """A tenant's key.

        Raises:
            NotFound: it has none, or it was destroyed.
            VaultLocked: another process has changed the master key.
        """
        return self._opened(tenant)[1]

    def cipher(self, tenant: str) -> AESGCM:
        """What a tenant's secrets are encrypted with. Raises as `key`."""
        return self._opened(tenant)[2]

    def cipher_of(self, tenant: str, identifier: str) -> AESGCM:
        """As `cipher`, where the key's id was read just now: what is in memory is good if it has that id."""
        known = self._open.get(tenant)
        return known[2] if known is not None and known[0] == identifier else self._opened(tenant)[2]

    def _opened(self, tenant: str) -> tuple[str, bytes, AESGCM]:
        row = self._db.one("SELECT key_id, wrapped FROM tenant_keys WHERE tenant = ?", tenant)
        if row is None:
            raise NotFound(f"{tenant} has no key", remedy="Add the tenant first: `tenantry tenants add FILE`.")
        known = self._open.get(tenant)
        if known is not None and known[0] == row["key_id"] and row["wrapped"] is not None:
            return known
        return self._unwrapped(tenant, str(row["key_id"]), row["wrapped"])

    def _unwrapped(self, tenant: str, identifier: str, wrapped: bytes | None) -> tuple[str, bytes, AESGCM]:
        if wrapped is None:
            raise NotFound(f"the key of {tenant} was destroyed", remedy="What lay under it cannot be read again.")
        try:
            key = unwrap(self.master, tenant, identifier, bytes(wrapped))
        except SecretUnreadable:
            self.same_master()
            raise
        made = (identifier, key, AESGCM(derive(key, VAULT_PURPOSE)))
        with self._lock:
            self._open[tenant] = made
        return made

    def create(self, tenant: str, *, again: bool = False) -> bool:
        """As `Vault.create_tenant_key`."""
        with self._db.transaction() as db:
            row = db.execute("SELECT wrapped FROM tenant_keys WHERE tenant = ?", (tenant,)).fetchone()
            if row is not None and row["wrapped"] is not None:
                return False
            self.same_master()
            if row is not None and not again:
                raise Refused(
                    f"the key of {tenant} was destroyed", remedy="A returning client takes a new name, or a new key."
                )
            identifier = secrets.token_hex(16)
            wrapped = wrap(self.master, tenant, identifier, secrets.token_bytes(KEY_BYTES))
            db.execute(
                "INSERT OR REPLACE INTO tenant_keys (tenant, key_id, wrapped, created_at) VALUES (?, ?, ?, ?)",
                (tenant, identifier, wrapped, rfc3339(self._clock())),
            )
        return True

    def destroy(self, tenant: str) -> bool:
        """As `Vault.destroy_tenant_key`."""
        with self._db.transaction() as db:
            row = db.execute("SELECT wrapped FROM tenant_keys WHERE tenant = ?", (tenant,)).fetchone()
            if row is None:
                raise NotFound(f"{tenant} has no key")
            db.execute("DELETE FROM secrets WHERE tenant = ?", (tenant,))
            db.execute(
                "UPDATE tenant_keys SET wrapped = NULL, destroyed_at = coalesce(destroyed_at, ?) WHERE tenant = ?",
                (rfc3339(self._clock()), tenant),
            )
        with self._lock:
            self._open.pop(tenant, None)
        self._db.forget_deleted()
        return row["wrapped"] is not None

    def same_master(self) -> None:
        """
        Raises:
            VaultLocked: the master key is no longer the one this process opened the vault with.
        """
        row = self._db.one("SELECT id FROM master")
        if row is None or row["id"] != key_id(self.master):
            raise VaultLocked("the master key was changed by another process", remedy="Start this command again.")

    def forget(self) -> None:
        """Drop every key from memory."""
        with self._lock:
            self._open.clear()
        self.master = b""
