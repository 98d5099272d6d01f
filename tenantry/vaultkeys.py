"""The keys of the vault: the master key's record, its change, and the tenants' keys under it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import ValidationError

from tenantry.clock import rfc3339
from tenantry.errors import InvalidInput, SecretUnreadable, VaultLocked
from tenantry.home import Home
from tenantry.localdb import LocalDb
from tenantry.masterkey import (
    KEY_BYTES,
    Argon2Parameters,
    Passphrase,
    derive_key,
    key_id,
    read_key_file,
    sync_folder,
    write_key_file,
)
from tenantry.names import MSP

__all__ = ["NONCE", "derive", "establish", "new_master", "pending", "rewrap", "settle", "unlock", "unwrap", "wrap"]

NONCE: Final = 12


def establish(
    home: Home, db: LocalDb, passphrase: Passphrase | None, argon2: Argon2Parameters, clock: Callable[[], datetime]
) -> None:
    """Make the vault. SQLite's write lock keeps two first starts apart."""
    with db.transaction() as connection:
        if connection.execute("SELECT 1 FROM master").fetchone() is not None:
            return
        if passphrase is None and home.master_key.exists():  # killed right here last time, or brought along by a person
            source, salt, parameters, master = "file", None, None, read_key_file(home.master_key)
        else:
            source, salt, parameters, master = new_master(passphrase, argon2)
            if source == "file":
                write_key_file(home.master_key, master)
        connection.execute("INSERT INTO master VALUES (1, ?, ?, ?, ?)", (key_id(master), source, salt, parameters))
        identifier = secrets.token_hex(16)
        wrapped = wrap(master, MSP, identifier, secrets.token_bytes(KEY_BYTES))
        connection.execute(
            "INSERT INTO tenant_keys (tenant, key_id, wrapped, created_at) VALUES (?, ?, ?, ?)",
            (MSP, identifier, wrapped, rfc3339(clock())),
        )


def new_master(passphrase: Passphrase | None, argon2: Argon2Parameters) -> tuple[str, bytes | None, str | None, bytes]:
    """Source, salt, parameters and key."""
    if passphrase is None:
        return "file", None, None, secrets.token_bytes(KEY_BYTES)
    salt = secrets.token_bytes(16)
    return "passphrase", salt, argon2.model_dump_json(), derive_key(passphrase(), salt, argon2)


def unlock(home: Home, db: LocalDb, passphrase: Passphrase | None) -> bytes:
    """The master key that the record in the vault names.

    Raises:
        VaultLocked: no key, or the wrong one.
    """
    row = db.one("SELECT * FROM master")
    if row is None:
        raise VaultLocked("the vault has no master record", remedy="Restore vault.db from the backup.")
    if row["source"] == "passphrase":
        if passphrase is None:
            raise VaultLocked(
                "this vault needs its passphrase", remedy="Give it at the prompt or through a descriptor."
            )
        try:
            parameters = Argon2Parameters.model_validate_json(row["argon2"] or "")
            key = derive_key(passphrase(), bytes(row["salt"] or b""), parameters)
        except (InvalidInput, ValidationError, ValueError, TypeError):
            raise VaultLocked("wrong passphrase, or a damaged master record") from None
        if not secrets.compare_digest(key_id(key), str(row["id"])):
            raise VaultLocked("wrong passphrase")
        return key
    if pending(home, str(row["id"])).exists():
        settle(home, db)  # a rotation was committed and killed before its key file got its name
    key = read_key_file(home.master_key)
    if not secrets.compare_digest(key_id(key), str(row["id"])):
        raise VaultLocked("master.key is not this vault's key")
    return key


def pending(home: Home, identifier: str) -> Path:
    """The name under which a new key file waits for its rotation to be committed."""
    return home.master_key.with_name(f"{home.master_key.name}.{identifier}")


def settle(home: Home, db: LocalDb) -> None:
    """Give the committed key its name and remove what no record needs. Under the write lock, because a key file that
    another process has written but not yet committed must not be touched."""
    with db.transaction() as connection:
        row = connection.execute("SELECT id, source FROM master").fetchone()
        waiting = pending(home, str(row["id"]))
        try:
            if row["source"] == "passphrase":
                home.master_key.unlink(missing_ok=True)
            elif waiting.exists():
                waiting.replace(home.master_key)
            for stale in home.path.glob(f"{home.master_key.name}.{'[0-9a-f]' * 32}"):
                stale.unlink()
            sync_folder(home.path)
        except OSError as exc:
            raise VaultLocked(f"{home.master_key.name} cannot be replaced ({exc.strerror})") from exc


def wrap(master: bytes, tenant: str, identifier: str, key: bytes) -> bytes:
    """A tenant's key under the master key (AES-256-GCM, bound to tenant and key id)."""
    nonce = secrets.token_bytes(NONCE)
    return nonce + AESGCM(master).encrypt(nonce, key, f"tenant-key\0{tenant}\0{identifier}".encode())


def unwrap(master: bytes, tenant: str, identifier: str, wrapped: bytes) -> bytes:
    """Raises SecretUnreadable: it does not open under this tenant and id."""
    try:
        return AESGCM(master).decrypt(wrapped[:NONCE], wrapped[NONCE:], f"tenant-key\0{tenant}\0{identifier}".encode())
    except (InvalidTag, ValueError):
        raise SecretUnreadable(f"the key of {tenant} does not open") from None


def rewrap(old: bytes, new: bytes, rows: Iterable[tuple[str, str, bytes]]) -> Iterator[tuple[bytes, str]]:
    """Keys of many tenants under a new master key, as `unwrap` and `wrap` would one by one, at a third of what those take.

    Args:
        rows: tenant, key id, and the key as it is wrapped now.

    Returns:
        the key as it is wrapped then, and its tenant.

    Raises:
        SecretUnreadable: one does not open.
    """
    before, after = AESGCM(old), AESGCM(new)
    for tenant, identifier, wrapped in rows:
        bound, nonce = f"tenant-key\0{tenant}\0{identifier}".encode(), os.urandom(NONCE)
        try:
            key = before.decrypt(wrapped[:NONCE], wrapped[NONCE:], bound)
        except (InvalidTag, ValueError):
            raise SecretUnreadable(f"the key of {tenant} does not open") from None
        yield nonce + after.encrypt(nonce, key, bound), tenant


def derive(key: bytes, purpose: str) -> bytes:
    """HKDF-SHA256 of a tenant's key for one purpose, no salt."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode("utf-8")).derive(key)
