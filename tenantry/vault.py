"""The embedded vault: every secret of every tenant, each tenant under a key of its own.

::

    master key (file 0600, or passphrase through Argon2id)
      └─ wraps, AES-256-GCM →  tenant key (256 random bits, one a tenant, `_msp` for the estate)
           ├─ HKDF-SHA256, info "vault"    → encrypts this tenant's secrets, AES-256-GCM
           ├─ HKDF-SHA256, info "journal"  → the record's payloads        } `subkey`
           └─ HKDF-SHA256, info "evidence" → collected evidence            }

The associated data of a secret is ``tenant NUL name NUL version``, so a ciphertext that was moved to another tenant, name
or version does not open. Destroying a tenant's key makes everything under it unreadable, for ever, in backups too.

AES-GCM and HKDF are `cryptography`'s (https://cryptography.io/en/latest/hazmat/primitives/aead/,
https://cryptography.io/en/latest/hazmat/primitives/key-derivation-functions/). Storage is SQLite in WAL mode with
synchronous=FULL: a call that returned is durable, a call that was killed left nothing.

Not a promise: names, kinds, times and metadata stand in clear and are not authenticated, and who can write the file can
delete secrets or bring back an older one. After `Vault.rotate_master`, older backups of the file need the older key.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretBytes, SecretStr

from tenantry.clock import rfc3339
from tenantry.errors import InvalidInput, NotFound, OutOfScope, Refused, SecretUnreadable, VaultLocked
from tenantry.home import Home
from tenantry.localdb import LocalDb
from tenantry.masterkey import (
    KEY_BYTES,
    Argon2Parameters,
    Passphrase,
    key_id,
    passphrase_from_environment,
    write_key_file,
)
from tenantry.names import MSP, SecretRef, check_secret_name, check_tenant
from tenantry.vaultkeys import NONCE, derive, establish, new_master, pending, settle, unlock, unwrap, wrap

__all__ = ["MSP", "Argon2Parameters", "SecretRef", "SecretVersion", "Vault", "passphrase_from_environment"]

OnRead = Callable[[str, str, int, str], None]
"""``(tenant, name, version, purpose)``, called before a secret is handed out; what it raises keeps the secret in."""

_MAX_SECRET: Final = 1_048_576
_MAX_METADATA: Final = 4_096
_OWN_PURPOSE: Final = "vault"

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS master (
    one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, source TEXT NOT NULL, salt BLOB, argon2 TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS tenant_keys (
    tenant TEXT PRIMARY KEY, key_id TEXT NOT NULL, wrapped BLOB, created_at TEXT NOT NULL, destroyed_at TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS secrets (
    tenant TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, kind TEXT NOT NULL, created_at TEXT NOT NULL,
    expires_at TEXT, metadata TEXT NOT NULL, sealed BLOB,
    PRIMARY KEY (tenant, name, version)
) STRICT, WITHOUT ROWID
"""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """What is known of a stored secret without opening it."""

    tenant: str
    name: str
    version: int
    kind: str
    created_at: datetime
    expires_at: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def ref(self) -> SecretRef:
        return SecretRef(self.tenant, self.name)


class Vault:
    """The opened vault. Safe between threads and processes; never pickled, never printed.

    Every method may raise `RecordError` (storage). Those that need a tenant's key raise `NotFound` when it has none,
    `VaultLocked` when another process has changed the master key since, and `SecretUnreadable` when stored bytes do not
    open under this tenant and name.
    """

    def __init__(self, home: Home, db: LocalDb, master: bytes, on_read: OnRead | None, clock: Callable[[], datetime]):
        """Use `Vault.open`."""
        self._home = home
        self._db = db
        self._master = master
        self._on_read = on_read
        self._clock = clock
        self._keys: dict[str, tuple[str, bytes]] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls,
        home: Home,
        passphrase: Passphrase | None = None,
        *,
        on_read: OnRead | None = None,
        clock: Callable[[], datetime] = _now,
        argon2: Argon2Parameters | None = None,
    ) -> Vault:
        """Open the home's vault, making it at first use.

        At first use a passphrase, when given, becomes the master key; otherwise a key file is created. Later the vault
        itself knows which it is, and a passphrase is asked for only when it is needed.

        Args:
            home: where ``vault.db`` and ``master.key`` lie.
            passphrase: asked for the passphrase.
            on_read: told of each secret that is handed out, before it is.
            clock: the current time, aware.
            argon2: cost of a new passphrase's key; kept in the vault.

        Raises:
            VaultLocked: no key, the wrong one, or a key file that others can read.
            InvalidInput: a new passphrase that is too short.
        """
        home.ensure()
        db = LocalDb(home.vault_db, _SCHEMA)
        try:
            if db.one("SELECT 1 FROM master") is None:
                establish(home, db, passphrase, argon2 or Argon2Parameters(), clock)
            vault = cls(home, db, unlock(home, db, passphrase), on_read, clock)
            vault._tenant_key(MSP)  # proves the master key before anybody relies on it
        except BaseException:
            db.close()
            raise
        return vault

    # --- secrets ------------------------------------------------------------------------------------------------------

    def put(
        self,
        tenant: str,
        name: str,
        value: bytes | str | SecretStr | SecretBytes,
        *,
        kind: str = "opaque",
        expires_at: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> SecretVersion:
        """Store a secret as the next version of its name; earlier versions stay until they are deleted.

        Args:
            tenant: whose it is; ``_msp`` for the estate's own.
            name: e.g. ``m365/app``.
            value: text is stored as UTF-8.
            kind: what it is, for lists: ``password``, ``client_secret``, ``certificate`` …
            expires_at: when the vendor stops taking it; a reminder, not a lock.
            metadata: facts beside it (an application id, a thumbprint); stands in clear, so nothing secret.

        Raises:
            InvalidInput: a name that is none, an empty secret or one beyond 1 MiB, an expiry without time zone.
            NotFound: the tenant has no key (`create_tenant_key`).
        """
        plain = _plain(value)
        with self._db.transaction() as db:
            return self._store(db, tenant, name, plain, kind, expires_at, metadata)

    def get_or_create(
        self, tenant: str, name: str, make: Callable[[], SecretStr], *, kind: str = "opaque", purpose: str = ""
    ) -> SecretStr:
        """The secret of that name, or what ``make`` returns, stored before it is returned. However many callers meet
        here, in however many processes, all of them get the same one."""
        with self._db.transaction() as db:
            if self._row(check_tenant(tenant), check_secret_name(name), None) is None:
                made = make()
                self._store(db, tenant, name, _plain(made), kind, None, None)
        return self.get_text(tenant, name, purpose=purpose)

    def get(self, tenant: str, name: str, version: int | None = None, *, purpose: str = "") -> SecretBytes:
        """Open a secret, the newest version unless one is named. ``repr`` and ``str`` of the result show stars.

        Raises:
            NotFound: no such secret, version or tenant.
            SecretUnreadable: damaged, or another tenant's, name's or version's ciphertext.
        """
        check_tenant(tenant)
        check_secret_name(name)
        row = self._row(tenant, name, version)
        if row is None:
            raise NotFound(f"no secret {name}" + (f" version {version}" if version else "") + f" for {tenant}")
        found = int(row["version"])
        plain = self._open(tenant, name, found, bytes(row["sealed"]))
        if self._on_read is not None:
            self._on_read(tenant, name, found, purpose)
        return SecretBytes(plain)

    def get_text(self, tenant: str, name: str, version: int | None = None, *, purpose: str = "") -> SecretStr:
        """As `get`, for secrets that are text.

        Raises:
            SecretUnreadable: also when it is not UTF-8.
        """
        value = self.get(tenant, name, version, purpose=purpose).get_secret_value()
        try:
            return SecretStr(value.decode("utf-8"))
        except UnicodeDecodeError:  # carries the bytes, so nothing is chained to it
            text = None
        if text is None:
            raise SecretUnreadable(f"{name} of {tenant} is not text", remedy="Read it as bytes.")
        return text

    def resolve(
        self, ref: SecretRef | str, *, for_tenant: str, estate_provider: bool = False, purpose: str = ""
    ) -> SecretBytes:
        """Open the secret that a reference names, for a run of ``for_tenant``.

        Args:
            ref: ``vault:<tenant>/<name>``.
            for_tenant: whose run asks. Only its own references resolve.
            estate_provider: the reference stands in ``estate.yaml``; then, and only then, ``_msp`` is allowed too.
            purpose: what for; goes to ``on_read``.

        Raises:
            OutOfScope: the reference names another tenant.
        """
        parsed = SecretRef.parse(ref) if isinstance(ref, str) else ref
        if parsed.tenant != for_tenant and not (estate_provider and parsed.tenant == MSP):
            raise OutOfScope(f"a secret of {parsed.tenant} is not for {for_tenant}")
        return self.get(parsed.tenant, parsed.name, purpose=purpose)

    def list(self, tenant: str) -> list[SecretVersion]:
        """The newest version of each secret of a tenant, by name; nothing is opened."""
        rows = self._db.all(
            "SELECT * FROM secrets AS s WHERE tenant = ? AND sealed IS NOT NULL AND version = (SELECT max(version) FROM "
            "secrets WHERE tenant = s.tenant AND name = s.name AND sealed IS NOT NULL) ORDER BY name",
            check_tenant(tenant),
        )
        return [_version(row) for row in rows]

    def versions(self, tenant: str, name: str) -> tuple[SecretVersion, ...]:
        """Every stored version of one secret, the newest first; empty when there is none."""
        rows = self._db.all(
            "SELECT * FROM secrets WHERE tenant = ? AND name = ? AND sealed IS NOT NULL ORDER BY version DESC",
            check_tenant(tenant),
            check_secret_name(name),
        )
        return tuple(_version(row) for row in rows)

    def delete(self, tenant: str, name: str, version: int | None = None) -> int:
        """Delete a secret, or one version of it, for good; how many versions went. Version numbers are not used again.

        Raises:
            NotFound: nothing of that name or version is stored.
        """
        check_tenant(tenant)
        check_secret_name(name)
        with self._db.transaction() as db:
            gone = db.execute(
                "UPDATE secrets SET sealed = NULL, metadata = '{}' WHERE tenant = ? AND name = ? AND sealed IS NOT NULL "
                "AND (? IS NULL OR version = ?)",
                (tenant, name, version, version),
            ).rowcount
        if not gone:
            raise NotFound(f"no secret {name} for {tenant}")
        self._db.forget_deleted()
        return gone

    # --- keys ---------------------------------------------------------------------------------------------------------

    def tenants(self) -> tuple[str, ...]:
        """The tenants that have a key, by name, without ``_msp``."""
        rows = self._db.all(
            "SELECT tenant FROM tenant_keys WHERE wrapped IS NOT NULL AND tenant <> ? ORDER BY tenant", MSP
        )
        return tuple(str(row["tenant"]) for row in rows)

    def create_tenant_key(self, tenant: str, *, again: bool = False) -> bool:
        """Give a tenant its key; False when it has one already.

        Args:
            tenant: the tenant's name.
            again: a tenant whose key was destroyed gets a new one. What lay under the old key stays unreadable.

        Raises:
            Refused: its key was destroyed, and ``again`` was not said.
        """
        check_tenant(tenant)
        with self._db.transaction() as db:
            row = db.execute("SELECT wrapped FROM tenant_keys WHERE tenant = ?", (tenant,)).fetchone()
            if row is not None and row["wrapped"] is not None:
                return False
            self._same_master()
            if row is not None and not again:
                raise Refused(
                    f"the key of {tenant} was destroyed", remedy="A returning client takes a new name, or a new key."
                )
            identifier = secrets.token_hex(16)
            wrapped = wrap(self._master, tenant, identifier, secrets.token_bytes(KEY_BYTES))
            db.execute(
                "INSERT OR REPLACE INTO tenant_keys VALUES (?, ?, ?, ?, NULL)",
                (tenant, identifier, wrapped, rfc3339(self._clock())),
            )
        return True

    def destroy_tenant_key(self, tenant: str) -> bool:
        """Destroy a tenant's key and its secrets: what was encrypted under it, anywhere, never opens again. False when it
        was destroyed before.

        Raises:
            Refused: ``_msp``; the estate is not offboarded.
            NotFound: the tenant never had a key.
        """
        check_tenant(tenant)
        if tenant == MSP:
            raise Refused("the estate's own key is not destroyed")
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
            self._keys.pop(tenant, None)
        self._db.forget_deleted()
        return row["wrapped"] is not None

    def subkey(self, tenant: str, purpose: str) -> bytes:
        """32 bytes for one purpose of one tenant (``journal``, ``evidence`` …): HKDF-SHA256 of the tenant's key, no salt,
        info = purpose in UTF-8. Keep it in memory only.

        Raises:
            InvalidInput: ``vault``, which is the vault's own, or an empty purpose.
            NotFound: the tenant has no key, or it was destroyed.
        """
        if not purpose or purpose == _OWN_PURPOSE:
            raise InvalidInput("choose another purpose", place="purpose")
        return derive(self._tenant_key(check_tenant(tenant)), purpose)

    def rotate_master(self, passphrase: Passphrase | None = None, *, argon2: Argon2Parameters | None = None) -> None:
        """Replace the master key by a new one and wrap every tenant's key anew, all or nothing. With ``passphrase`` the
        new key comes from it and the key file goes; without, it is a new key file. Tenant keys, and with them the record
        and the evidence, do not change. Other processes must open the vault again.

        Raises:
            VaultLocked: another process has rotated it since this one opened it.
        """
        source, salt, parameters, master = new_master(passphrase, argon2 or Argon2Parameters())
        with self._db.transaction() as db:
            self._same_master()
            if source == "file":
                # Under its own name first: were we killed now, the old file still opens the old record.
                write_key_file(pending(self._home, key_id(master)), master)
            for row in db.execute("SELECT * FROM tenant_keys WHERE wrapped IS NOT NULL").fetchall():
                tenant, identifier = str(row["tenant"]), str(row["key_id"])
                wrapped = wrap(master, tenant, identifier, unwrap(self._master, tenant, identifier, row["wrapped"]))
                db.execute("UPDATE tenant_keys SET wrapped = ? WHERE tenant = ?", (wrapped, tenant))
            db.execute(
                "UPDATE master SET id = ?, source = ?, salt = ?, argon2 = ?",
                (key_id(master), source, salt, parameters),
            )
        self._master = master
        settle(self._home, self._db)
        self._db.forget_deleted()

    # --- life ---------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Forget the keys and close the file."""
        with self._lock:
            self._keys.clear()
        self._master = b""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Vault({str(self._home.vault_db)!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vault is never pickled: it holds keys")

    # --- inside -------------------------------------------------------------------------------------------------------

    def _store(
        self,
        db: sqlite3.Connection,
        tenant: str,
        name: str,
        plain: bytes,
        kind: str,
        expires_at: datetime | None,
        metadata: Mapping[str, str] | None,
    ) -> SecretVersion:
        check_tenant(tenant)
        check_secret_name(name)
        facts = json.dumps(dict(metadata or {}), ensure_ascii=False, sort_keys=True)
        if len(facts) > _MAX_METADATA or len(kind) > 64:
            raise InvalidInput(f"at most {_MAX_METADATA} characters of metadata, 64 of kind", place="metadata")
        if expires_at is not None and expires_at.tzinfo is None:
            raise InvalidInput("needs a time zone", place="expires_at")
        key = self._tenant_key(tenant)
        row = self._db.one("SELECT max(version) AS v FROM secrets WHERE tenant = ? AND name = ?", tenant, name)
        version = (row["v"] or 0) + 1 if row is not None else 1
        stored = SecretVersion(tenant, name, version, kind, self._clock(), expires_at, dict(metadata or {}))
        nonce = secrets.token_bytes(NONCE)
        sealed = nonce + AESGCM(derive(key, _OWN_PURPOSE)).encrypt(nonce, plain, _associated(tenant, name, version))
        times = (rfc3339(stored.created_at), rfc3339(expires_at) if expires_at else None)
        db.execute(
            "INSERT INTO secrets VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (tenant, name, version, kind, *times, facts, sealed)
        )
        return stored

    def _row(self, tenant: str, name: str, version: int | None) -> Any:
        return self._db.one(
            "SELECT version, sealed FROM secrets WHERE tenant = ? AND name = ? AND sealed IS NOT NULL "
            "AND (? IS NULL OR version = ?) ORDER BY version DESC LIMIT 1",
            *(tenant, name, version, version),
        )

    def _open(self, tenant: str, name: str, version: int, sealed: bytes) -> bytes:
        key = derive(self._tenant_key(tenant), _OWN_PURPOSE)
        try:
            return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], _associated(tenant, name, version))
        except (InvalidTag, ValueError):
            raise SecretUnreadable(f"{name} of {tenant} does not open") from None

    def _tenant_key(self, tenant: str) -> bytes:
        row = self._db.one("SELECT key_id, wrapped FROM tenant_keys WHERE tenant = ?", tenant)
        if row is None:
            raise NotFound(f"{tenant} has no key", remedy="Add the tenant first: `tenantry tenants add FILE`.")
        if row["wrapped"] is None:
            raise NotFound(f"the key of {tenant} was destroyed", remedy="What lay under it cannot be read again.")
        identifier = str(row["key_id"])
        with self._lock:
            known = self._keys.get(tenant)
        if known is not None and known[0] == identifier:
            return known[1]
        try:
            key = unwrap(self._master, tenant, identifier, bytes(row["wrapped"]))
        except SecretUnreadable:
            self._same_master()
            raise
        with self._lock:
            self._keys[tenant] = (identifier, key)
        return key

    def _same_master(self) -> None:
        row = self._db.one("SELECT id FROM master")
        if row is None or row["id"] != key_id(self._master):
            raise VaultLocked("the master key was changed by another process", remedy="Start this command again.")


# --- bytes ------------------------------------------------------------------------------------------------------------


def _associated(tenant: str, name: str, version: int) -> bytes:
    return f"{tenant}\0{name}\0{version}".encode()


def _plain(value: bytes | str | SecretStr | SecretBytes) -> bytes:
    bare = value.get_secret_value() if isinstance(value, (SecretStr, SecretBytes)) else value
    plain = bare.encode("utf-8") if isinstance(bare, str) else bytes(bare)
    if not 0 < len(plain) <= _MAX_SECRET:
        raise InvalidInput(f"a secret has 1 to {_MAX_SECRET} bytes", place="secret")
    return plain


def _version(row: Any) -> SecretVersion:
    return SecretVersion(
        tenant=row["tenant"],
        name=row["name"],
        version=row["version"],
        kind=row["kind"],
        created_at=datetime.fromisoformat(row["created_at"]),
        expires_at=datetime.fromisoformat(row["expires_at"]) if row["expires_at"] else None,
        metadata=json.loads(row["metadata"]),
    )
