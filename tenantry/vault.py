"""The vault: every secret of every tenant, each tenant under a key of its own.

::

    master key (file 0600, or passphrase through Argon2id)
      └─ wraps, AES-256-GCM →  tenant key (256 random bits, one a tenant, `_msp` for the estate)
           ├─ HKDF-SHA256, info "vault"    → encrypts this tenant's secrets in the embedded store, AES-256-GCM
           ├─ HKDF-SHA256, info "journal"  → the record's payloads        } `subkey`
           └─ HKDF-SHA256, info "evidence" → collected evidence            }

Where a tenant's secrets lie is one of the estate's secret stores (`tenantry.secretstore`): the embedded one unless its file or
estate.yaml says otherwise. What a file says is where the first secret goes; from then on the vault itself knows where they lie, and
only `tenantry.vaultmove` changes it, so that an edited line never makes a secret disappear. Destroying a tenant's key makes everything
under it unreadable, for ever, in backups too; what lies in a store outside is deleted there first.

AES-GCM and HKDF are `cryptography`'s (https://cryptography.io/en/latest/hazmat/primitives/aead/,
https://cryptography.io/en/latest/hazmat/primitives/key-derivation-functions/). Storage is SQLite in WAL mode with
synchronous=FULL: a call that returned is durable, a call that was killed left nothing.

Not a promise: names, kinds, times and metadata stand in clear and are not authenticated, and who can write the file can
delete secrets or bring back an older one. After `Vault.rotate_master`, older backups of the file need the older key.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, NamedTuple, NoReturn, Self

from pydantic import SecretBytes, SecretStr

from tenantry.embedded import Before, EmbeddedStore
from tenantry.errors import (
    InvalidInput,
    InvalidTenant,
    NotFound,
    OutOfScope,
    Refused,
    SecretUnreadable,
    StoreUnavailable,
)
from tenantry.estate import load_estate
from tenantry.home import Home
from tenantry.localdb import LocalDb
from tenantry.masterkey import Argon2Parameters, Passphrase, key_id, passphrase_from_environment, write_key_file
from tenantry.names import MSP, SecretRef, check_secret_name, check_tenant
from tenantry.secretstore import (
    EMBEDDED,
    MAX_SECRET,
    Deletion,
    Facts,
    Opened,
    SecretStore,
    SecretVersion,
    StoreOpener,
)
from tenantry.tenantkeys import VAULT_PURPOSE, TenantKeys
from tenantry.tenants import TenantStore
from tenantry.vaultkeys import derive, establish, new_master, pending, rewrap, settle, unlock

__all__ = ["MSP", "Argon2Parameters", "Placement", "SecretRef", "SecretVersion", "Vault", "passphrase_from_environment"]

OnRead = Callable[[str, str, int, str], None]
"""``(tenant, name, version, purpose)``, called before a secret is handed out; what it raises keeps the secret in."""

_FORMAT: Final = 2
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS master (
    one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, source TEXT NOT NULL, salt BLOB, argon2 TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS tenant_keys (
    tenant TEXT PRIMARY KEY, key_id TEXT NOT NULL, wrapped BLOB, created_at TEXT NOT NULL, destroyed_at TEXT,
    store TEXT, moving_to TEXT, leaving TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS secrets (
    tenant TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, kind TEXT NOT NULL, created_at TEXT NOT NULL,
    expires_at TEXT, metadata TEXT NOT NULL, sealed BLOB, rotate_at TEXT,
    PRIMARY KEY (tenant, name, version)
) STRICT, WITHOUT ROWID
"""
_UPGRADES: Final = {
    2: "ALTER TABLE tenant_keys ADD COLUMN store TEXT; ALTER TABLE tenant_keys ADD COLUMN moving_to TEXT; "
    "ALTER TABLE tenant_keys ADD COLUMN leaving TEXT; ALTER TABLE secrets ADD COLUMN rotate_at TEXT"
}


def _now() -> datetime:
    return datetime.now(UTC)


class Placement(NamedTuple):
    """Where a tenant's secrets lie.

    Attributes:
        store: the store that is asked.
        moving_to: the one to which they are being copied; nothing is written meanwhile.
        leaving: the one from which they still have to be deleted.
    """

    store: str
    moving_to: str | None = None
    leaving: str | None = None


class Vault:
    """The opened vault. Safe between threads and processes; never pickled, never printed.

    Every method may raise `RecordError` (storage; `StoreUnavailable` where the tenant's secrets lie in a store that does not
    answer, or are being moved). Those that need a tenant's key raise `NotFound` when it has none, `VaultLocked` when another
    process has changed the master key since, and `SecretUnreadable` when stored bytes do not open under this tenant and name.
    """

    def __init__(
        self,
        home: Home,
        db: LocalDb,
        master: bytes,
        on_read: OnRead | None,
        clock: Callable[[], datetime],
        stores: StoreOpener | None,
    ):
        """Use `Vault.open`."""
        self._home = home
        self._db = db
        self._on_read = on_read
        self._clock = clock
        self._opener = stores
        self._keys = TenantKeys(db, master, clock)
        self._embedded = EmbeddedStore(db, self._keys, clock)
        self._stores: dict[str, SecretStore] = {}
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
        stores: StoreOpener | None = None,
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
            stores: opens the estate's secret stores; None: this process reaches the embedded one alone.

        Raises:
            VaultLocked: no key, the wrong one, or a key file that others can read.
            InvalidInput: a new passphrase that is too short.
        """
        home.ensure()
        db = LocalDb(home.vault_db, _SCHEMA, version=_FORMAT, upgrades=_UPGRADES)
        try:
            if db.one("SELECT 1 FROM master") is None:
                establish(home, db, passphrase, argon2 or Argon2Parameters(), clock)
            vault = cls(home, db, unlock(home, db, passphrase), on_read, clock, stores)
            vault._keys.key(MSP)  # proves the master key before anybody relies on it
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
        rotate_at: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
        expect: int | None = None,
    ) -> SecretVersion:
        """Store a secret as the next version of its name; earlier versions stay until they are deleted.

        Args:
            tenant: whose it is; ``_msp`` for the estate's own.
            name: e.g. ``m365/app``.
            value: text is stored as UTF-8.
            kind: what it is, for lists: ``password``, ``client_secret``, ``certificate`` …
            expires_at: when the vendor stops taking it; a reminder, not a lock.
            rotate_at: when it is to be replaced, at the latest.
            metadata: facts beside it (an application id, a thumbprint); stands in clear, so nothing secret.
            expect: check-and-set: the version that must be the newest now, 0 for none.

        Raises:
            InvalidInput: a name that is none, an empty secret or one beyond 1 MiB, a time without zone.
            NotFound: the tenant has no key (`create_tenant_key`).
            Conflict: another version is the newest by now.
            StoreUnavailable: the tenant's store does not answer, or its secrets are being moved.
        """
        plain, facts = _plain(value), Facts.of(kind, expires_at, rotate_at, metadata)
        check_tenant(tenant)
        check_secret_name(name)
        with self._db.transaction() as db:
            before = self._embedded.before(db, tenant, name)
            if self._writable_within(db, tenant, before) == EMBEDDED:
                return self._embedded.put_within(db, before, tenant, name, plain, facts, expect)
        with self.writing(tenant) as store:
            return store.put(tenant, name, plain, facts, expect=expect)

    def get_or_create(
        self, tenant: str, name: str, make: Callable[[], SecretStr], *, kind: str = "opaque", purpose: str = ""
    ) -> SecretStr:
        """The secret of that name, or what ``make`` returns, stored before it is returned. However many callers meet
        here, in however many processes, all of them get the same one."""
        check_tenant(tenant)
        check_secret_name(name)
        facts = Facts.of(kind)
        with self._db.transaction() as db:
            before = self._embedded.before(db, tenant, name)
            there = before.live is not None and before.store in (None, EMBEDDED)
            here = there or self._writable_within(db, tenant, before) == EMBEDDED
            if here and not there:
                self._embedded.put_within(db, before, tenant, name, _plain(make()), facts)
        if not here:
            with self.writing(tenant) as store:
                if not store.versions(tenant, name):
                    store.put(tenant, name, _plain(make()), facts, expect=0)
        return self.get_text(tenant, name, purpose=purpose)

    def get(self, tenant: str, name: str, version: int | None = None, *, purpose: str = "") -> SecretBytes:
        """Open a secret, the newest version unless one is named. ``repr`` and ``str`` of the result show stars.

        Raises:
            NotFound: no such secret, version or tenant.
            SecretUnreadable: damaged, or another tenant's, name's or version's ciphertext.
            StoreUnavailable: the tenant's store does not answer.
        """
        row = self._embedded.find(tenant, name, version, here=True)
        # A row that is there has names that were checked when it was stored.
        if row is not None:
            value, found = self._embedded.unsealed(tenant, name, row), row[0]
        else:
            found, value = self._elsewhere(tenant, name, version)
        if self._on_read is not None:
            self._on_read(tenant, name, found, purpose)
        return value

    def _elsewhere(self, tenant: str, name: str, version: int | None) -> Opened:
        check_secret_name(name)
        return self.store(self._looked_in(check_tenant(tenant))).get(tenant, name, version)

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
        """The newest version of each secret of a tenant, by name; nothing is handed out."""
        found = self._embedded.listed(tenant, here=True)
        if found:
            return found
        return self.store(self._looked_in(check_tenant(tenant))).list(tenant)

    def versions(self, tenant: str, name: str) -> tuple[SecretVersion, ...]:
        """Every stored version of one secret, the newest first; empty when there is none."""
        check_secret_name(name)
        return self.store(self._looked_in(check_tenant(tenant))).versions(tenant, name)

    def delete(self, tenant: str, name: str, version: int | None = None) -> Deletion:
        """Delete a secret, or one version of it, for good, and look whether it is gone.

        Raises:
            NotFound: nothing of that name or version is stored.
            Refused: the tenant's store does not delete single versions.
        """
        check_tenant(tenant)
        check_secret_name(name)
        with self.writing(tenant) as store:
            return store.delete(tenant, name, version)

    # --- stores -------------------------------------------------------------------------------------------------------

    def store_of(self, tenant: str) -> str:
        """The store in which a tenant's secrets lie, by name. Where none lies yet, it is settled now, by what its file says."""
        if tenant == MSP:
            return EMBEDDED  # the stores' own credentials are among the estate's
        row = self._db.one("SELECT store FROM tenant_keys WHERE tenant = ?", tenant)
        if row is None:
            return EMBEDDED  # whoever goes on meets the missing key
        if row["store"] is not None:
            return str(row["store"])
        with self._db.transaction() as db:
            self._settle(db, tenant)
        return self.store_of(tenant)

    def _settle(self, db: sqlite3.Connection, tenant: str) -> str:
        """The store of a tenant of which none was known, by what is there or what its file says; in a transaction that is under way."""
        held = db.execute("SELECT 1 FROM secrets WHERE tenant = ? LIMIT 1", (tenant,)).fetchone()
        chosen = EMBEDDED if held is not None else self.wished_store(tenant)
        db.execute("UPDATE tenant_keys SET store = ? WHERE tenant = ? AND store IS NULL", (chosen, tenant))
        return chosen

    def _looked_in(self, tenant: str) -> str:
        """As `store_of` for whoever only looks: where none lies yet, nothing is settled by that."""
        row = None if tenant == MSP else self._db.one("SELECT store FROM tenant_keys WHERE tenant = ?", tenant)
        if row is None:
            return EMBEDDED
        if row["store"] is not None:
            return str(row["store"])
        held = self._db.one("SELECT 1 FROM secrets WHERE tenant = ? LIMIT 1", tenant)
        return EMBEDDED if held is not None else self.wished_store(tenant)

    def wished_store(self, tenant: str) -> str:
        """The store that the tenant's file, or else estate.yaml, says.

        Raises:
            InvalidTenant: the file is wrong.
        """
        try:
            own = TenantStore(self._home).get(tenant).secret_store if tenant != MSP else EMBEDDED
        except NotFound:
            own = None
        return own or load_estate(self._home).secret_store

    def store(self, name: str) -> SecretStore:
        """The store of that name, opened once.

        Raises:
            InvalidTenant: estate.yaml has none of this name.
        """
        if name == EMBEDDED:
            return self._embedded
        with self._lock:
            found = self._stores.get(name)
            if found is None:
                if self._opener is None:
                    raise InvalidTenant(
                        f"the secret store {name} cannot be reached from here", remedy="Use `tenantry` or its service."
                    )
                found = self._stores[name] = self._opener(name, self._estate_secret)
        return found

    def _estate_secret(self, ref: SecretRef) -> SecretBytes:
        return self.resolve(ref, for_tenant=MSP, purpose="a secret store's sign-in")

    @contextlib.contextmanager
    def writing(self, tenant: str) -> Iterator[SecretStore]:
        """The tenant's store, while nobody else of this installation writes to it for this tenant: not all stores check and set by
        themselves.

        Raises:
            StoreUnavailable: the tenant's secrets are being moved.
        """
        with self.alone_with(tenant):
            yield self.store(self._writable(tenant))

    @contextlib.contextmanager
    def alone_with(self, tenant: str) -> Iterator[None]:
        """Nobody else of this installation writes this tenant's secrets to a network store, or moves them."""
        path = self._home.run / f"vault-{check_tenant(tenant)}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # the kernel lets go of it when its holder ends, however that is
            yield
        finally:
            os.close(descriptor)

    def _writable(self, tenant: str) -> str:
        row = self._db.one("SELECT store, moving_to FROM tenant_keys WHERE tenant = ?", tenant)
        if row is None:
            return EMBEDDED
        _check_still(tenant, row["moving_to"])
        return str(row["store"] or EMBEDDED)

    def _writable_within(self, db: sqlite3.Connection, tenant: str, before: Before) -> str:
        """As `_writable`, of what was read in a transaction that is under way; settled in it where it was not."""
        _check_still(tenant, before.moving_to)
        if before.store is not None or before.key_id is None or tenant == MSP:
            return before.store or EMBEDDED
        return self._settle(db, tenant)

    def placement(self, tenant: str) -> Placement:
        """Where a tenant's secrets lie, and what a move that is under way has come to."""
        store = self._looked_in(tenant)
        row = self._db.one("SELECT moving_to, leaving FROM tenant_keys WHERE tenant = ?", tenant)
        return Placement(store, row["moving_to"] if row else None, row["leaving"] if row else None)

    def place(self, tenant: str, placement: Placement) -> None:
        """Write down where a move has come to. For `tenantry.vaultmove`, which holds `alone_with`."""
        with self._db.transaction() as db:
            db.execute(
                "UPDATE tenant_keys SET store = ?, moving_to = ?, leaving = ? WHERE tenant = ?",
                (placement.store, placement.moving_to, placement.leaving, tenant),
            )

    def told(self, tenant: str, name: str, version: int, purpose: str) -> None:
        """Record a read of a store that did not go through `get`."""
        if self._on_read is not None:
            self._on_read(tenant, name, version, purpose)

    # --- keys ---------------------------------------------------------------------------------------------------------

    def tenants(self) -> tuple[str, ...]:
        """The tenants that have a key, by name, without ``_msp``."""
        return self._keys.names()

    def has_key(self, tenant: str) -> bool:
        """Whether the tenant's key is there: what was sealed under it opens."""
        return tenant in self.tenants()

    def held(self, tenant: str) -> int:
        """How many secrets a tenant has; without a name or a value. Raises TenantryError where their store is away."""
        return len(self.list(tenant)) if self.has_key(tenant) else 0

    def create_tenant_key(self, tenant: str, *, again: bool = False) -> bool:
        """Give a tenant its key; False when it has one already.

        Args:
            tenant: the tenant's name.
            again: a tenant whose key was destroyed gets a new one. What lay under the old key stays unreadable.

        Raises:
            Refused: its key was destroyed, and ``again`` was not said.
        """
        return self._keys.create(check_tenant(tenant), again=again)

    def destroy_tenant_key(self, tenant: str) -> bool:
        """Destroy a tenant's key and its secrets, wherever they lie: what was encrypted under it, anywhere, never opens again.
        False when it was destroyed before.

        Raises:
            Refused: ``_msp``; the estate is not offboarded. A store that only promises to forget: its secrets are deleted, the key
                is still there, and a person decides.
            NotFound: the tenant never had a key.
        """
        check_tenant(tenant)
        if tenant == MSP:
            raise Refused("the estate's own key is not destroyed")
        if tenant in self._keys.names() and self.store_of(tenant) != EMBEDDED:
            with self.writing(tenant) as store:
                left = [found.name for found in store.list(tenant) if not store.delete(tenant, found.name).proven]
            if left:
                raise Refused(
                    f"{len(left)} secrets of {tenant} are deleted and can still be brought back by their store",
                    remedy="Purge them there, then do this again.",
                )
        return self._keys.destroy(tenant)

    def subkey(self, tenant: str, purpose: str) -> bytes:
        """32 bytes for one purpose of one tenant (``journal``, ``evidence`` …): HKDF-SHA256 of the tenant's key, no salt,
        info = purpose in UTF-8. Keep it in memory only.

        Raises:
            InvalidInput: ``vault``, which is the vault's own, or an empty purpose.
            NotFound: the tenant has no key, or it was destroyed.
        """
        if not purpose or purpose == VAULT_PURPOSE:
            raise InvalidInput("choose another purpose", place="purpose")
        return derive(self._keys.key(check_tenant(tenant)), purpose)

    def rotate_master(self, passphrase: Passphrase | None = None, *, argon2: Argon2Parameters | None = None) -> None:
        """Replace the master key by a new one and wrap every tenant's key anew, all or nothing. With ``passphrase`` the
        new key comes from it and the key file goes; without, it is a new key file. Tenant keys, and with them the record
        and the evidence, do not change. Other processes must open the vault again.

        Raises:
            VaultLocked: another process has rotated it since this one opened it.
        """
        source, salt, parameters, master = new_master(passphrase, argon2 or Argon2Parameters())
        with self._db.transaction() as db:
            self._keys.same_master()
            if source == "file":
                # Under its own name first: were we killed now, the old file still opens the old record.
                write_key_file(pending(self._home, key_id(master)), master)
            present = db.execute("SELECT tenant, key_id, wrapped FROM tenant_keys WHERE wrapped IS NOT NULL").fetchall()
            rows = ((str(row[0]), str(row[1]), bytes(row[2])) for row in present)
            anew = rewrap(self._keys.master, master, rows)
            db.executemany("UPDATE tenant_keys SET wrapped = ? WHERE tenant = ?", anew)
            db.execute(
                "UPDATE master SET id = ?, source = ?, salt = ?, argon2 = ?",
                (key_id(master), source, salt, parameters),
            )
        self._keys.master = master
        settle(self._home, self._db)
        self._db.forget_deleted()

    # --- life ---------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Forget the keys and close the file and the stores."""
        self._keys.forget()
        with self._lock:
            stores, self._stores = list(self._stores.values()), {}
        for store in stores:
            store.close()
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Vault({str(self._home.vault_db)!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vault is never pickled: it holds keys")


def _check_still(tenant: str, moving_to: str | None) -> None:
    """Raises StoreUnavailable while the tenant's secrets are being moved."""
    if moving_to is not None:
        raise StoreUnavailable(
            f"the secrets of {tenant} are being moved to {moving_to}",
            remedy=f"Wait for it, or finish it with `tenantry vault move --tenant {tenant} --to {moving_to}`.",
        )


def _plain(value: bytes | str | SecretStr | SecretBytes) -> bytes:
    bare = value.get_secret_value() if isinstance(value, (SecretStr, SecretBytes)) else value
    plain = bare.encode("utf-8") if isinstance(bare, str) else bytes(bare)
    if not 0 < len(plain) <= MAX_SECRET:
        raise InvalidInput(f"a secret has 1 to {MAX_SECRET} bytes", place="secret")
    return plain
