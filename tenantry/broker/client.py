"""The other side of the socket: the vault as a run may use it, and the service's hand on the broker.

Both are synchronous, as the vault itself: callers in an event loop go through a thread. A call waits for a broker that is
being started again, and keeps to the rate that it is told.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from pydantic import SecretBytes, SecretStr
from typing_extensions import override

from tenantry.broker.tokens import LIFE
from tenantry.broker.wire import LENGTH, MAX_FRAME, address, decode, encode, error_in, pack, peer_of, unpack
from tenantry.clock import parse_rfc3339
from tenantry.errors import (
    BrokerUnavailable,
    NotAuthenticated,
    OutOfScope,
    RateLimited,
    SecretUnreadable,
    TenantryError,
)
from tenantry.journal.checkpoints import Stored
from tenantry.masterkey import Argon2Parameters, Passphrase
from tenantry.names import MSP, SecretRef
from tenantry.secretlife import Due
from tenantry.secretstore import Deletion, Facts, SecretStore, SecretVersion
from tenantry.vault import Placement, Vault

__all__ = ["SOCKET", "TOKEN", "BrokeredVault", "Supervisor"]

SOCKET: Final = "TENANTRY_BROKER_SOCKET"
"""Environment: path of the broker's socket. A process that has it opens no vault of its own."""
TOKEN: Final = "TENANTRY_BROKER_TOKEN"  # noqa: S105  # a variable's name
"""Environment: the token that the service handed to this process."""

PATIENCE: Final = 30.0
"""Seconds to wait for a broker that does not answer: the service starts it again."""
_ANSWER: Final = 35.0
_PAUSE: Final = 0.1


class Connection:
    """Requests and answers, one at a time; connects when needed, again after the broker was, and in a forked child anew.

    Args:
        path: the socket.
        token: whose requests they are.
        patience: seconds to wait for a broker that is away, and for one that says "slower".
    """

    def __init__(self, path: Path, token: SecretStr, patience: float = PATIENCE) -> None:
        self._path = path
        self._token = token
        self._patience = patience
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._pid = os.getpid()

    def ask(self, op: str, **what: Any) -> dict[str, Any]:
        """One request.

        Raises:
            TenantryError: what the broker answered, as its own class.
            BrokerUnavailable: nobody answers.
        """
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return self._once({"op": op, **what})
            except RateLimited as error:
                wait: float = error.retry_after
                if time.monotonic() + wait > deadline:
                    raise
            except BrokerUnavailable:
                wait = _PAUSE
                if time.monotonic() + wait > deadline:
                    raise
            time.sleep(wait)

    def _once(self, message: Mapping[str, Any]) -> dict[str, Any]:
        frame = encode(message)
        with self._lock:
            if self._pid != os.getpid():  # a forked child must not speak into its parent's connection
                self._socket, self._pid = None, os.getpid()
            try:
                if self._socket is None:
                    self._socket = self._connect()
                return self._exchange(self._socket, frame)
            except OSError as error:
                self._drop()
                raise BrokerUnavailable(
                    f"the vault broker does not answer ({error.strerror or type(error).__name__})"
                ) from None
            except NotAuthenticated:
                self._drop()  # the broker has closed it
                raise

    def _connect(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            made.settimeout(_ANSWER)
            with address(self._path) as at:
                made.connect(at)
            if peer_of(made).uid not in (os.getuid(), 0):
                raise NotAuthenticated(
                    "the socket is served by another account", remedy="Find out whose process it is."
                )
            self._exchange(made, encode({"op": "hello", "token": self._token.get_secret_value()}))
        except BaseException:
            made.close()
            raise
        return made

    @staticmethod
    def _exchange(via: socket.socket, frame: bytes) -> dict[str, Any]:
        via.sendall(frame)
        (length,) = LENGTH.unpack(_exactly(via, LENGTH.size))
        if length > MAX_FRAME:
            raise ConnectionError("an answer too long")
        answer = decode(_exactly(via, length))
        if "error" in answer:
            raise error_in(answer["error"])
        return answer

    def _drop(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def close(self) -> None:
        with self._lock:
            if self._pid == os.getpid():
                self._drop()
            self._socket = None


def _exactly(via: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        piece = via.recv(size - len(found))
        if not piece:
            raise ConnectionError("the connection ended")
        found += piece
    return bytes(found)


class BrokeredVault(Vault):
    """The vault as one process of the service may use it: what the broker gives its token, and nothing else.

    Every method may raise `BrokerUnavailable` (retryable), `NotAuthenticated` (the token is not this process's, has expired or
    was taken back), `RateLimited`, and `OutOfScope` for what only the machine's own command line may do.
    """

    def __init__(self, path: Path, token: SecretStr, *, patience: float = PATIENCE) -> None:
        self._connection = Connection(path, token, patience)
        self._path = path

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> BrokeredVault | None:
        """The broker that this process was pointed to; None when it was not.

        Raises:
            NotAuthenticated: there is a socket and no token.
        """
        path, token = env.get(SOCKET, ""), env.get(TOKEN, "")
        if not path:
            return None
        if not token:
            raise NotAuthenticated(
                f"{TOKEN} is not set", remedy="The service sets it for the processes that it starts."
            )
        return cls(Path(path), SecretStr(token))

    # --- what the broker gives ----------------------------------------------------------------------------------------

    @override
    def resolve(
        self, ref: SecretRef | str, *, for_tenant: str, estate_provider: bool = False, purpose: str = ""
    ) -> SecretBytes:
        """As `Vault.resolve`; the broker decides by the token, whatever ``for_tenant`` says."""
        parsed = SecretRef.parse(ref) if isinstance(ref, str) else ref
        answer = self._connection.ask("resolve", ref=str(parsed), estate_provider=estate_provider, purpose=purpose)
        if parsed.tenant != for_tenant and not (estate_provider and parsed.tenant == MSP):
            raise OutOfScope(f"a secret of {parsed.tenant} is not for {for_tenant}")
        return SecretBytes(unpack(answer["value"]))

    @override
    def get(self, tenant: str, name: str, version: int | None = None, *, purpose: str = "") -> SecretBytes:
        """As `Vault.get`."""
        answer = self._connection.ask("get", tenant=tenant, name=name, version=version, purpose=purpose)
        return SecretBytes(unpack(answer["value"]))

    @override
    def get_text(self, tenant: str, name: str, version: int | None = None, *, purpose: str = "") -> SecretStr:
        """As `Vault.get_text`."""
        return _text(self.get(tenant, name, version, purpose=purpose), name, tenant)

    @override
    def get_or_create(
        self, tenant: str, name: str, make: Callable[[], SecretStr], *, kind: str = "opaque", purpose: str = ""
    ) -> SecretStr:
        """As `Vault.get_or_create`. ``make`` is always called; what it made is thrown away when there is one already."""
        offered = pack(make().get_secret_value().encode())
        answer = self._connection.ask(
            "get_or_create", tenant=tenant, name=name, value=offered, kind=kind, purpose=purpose
        )
        return _text(SecretBytes(unpack(answer["value"])), name, tenant)

    @override
    def subkey(self, tenant: str, purpose: str) -> bytes:
        """As `Vault.subkey`, for ``journal`` and ``evidence``."""
        return unpack(self._connection.ask("subkey", tenant=tenant, purpose=purpose)["value"])

    def authenticate(
        self, person: str, code: SecretStr, *, purpose: str, tenant: str | None, role: str | None
    ) -> tuple[str, datetime, str]:
        """Whether the code is the person's: id, time and method. As `People.authenticate`."""
        text = pack(code.get_secret_value().encode())
        answer = self._connection.ask(
            "authenticate", person=person, code=text, purpose=purpose, tenant=tenant, role=role
        )
        return str(answer["person"]), datetime.fromisoformat(answer["at"]), str(answer["method"])

    def checkpoint(self, tenant: str) -> None:
        """Have the record of the tenant signed as it is now. As `Ledger.checkpoint`; the key stays with the broker."""
        self._connection.ask("checkpoint", tenant=tenant)

    # --- what it does not ---------------------------------------------------------------------------------------------

    @override
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
        """As `Vault.put`, for the tenant's credentials: names that its file says, and candidates for them."""
        bare = value.get_secret_value() if isinstance(value, (SecretStr, SecretBytes)) else value
        plain = bare.encode() if isinstance(bare, str) else bytes(bare)
        facts = Facts.of(kind, expires_at, rotate_at, metadata)
        shown = facts.model_dump(mode="json")
        answer = self._connection.ask("put", tenant=tenant, name=name, value=pack(plain), facts=shown, expect=expect)
        return _version_in(answer["version"])

    @override
    def list(self, tenant: str) -> list[SecretVersion]:
        self._never()

    @override
    def has_key(self, tenant: str) -> bool:
        """As `Vault.has_key`, for the run's own tenant."""
        return bool(self._connection.ask("placed", tenant=tenant)["key"])

    @override
    def held(self, tenant: str) -> int:
        """As `Vault.held`, for the run's own tenant."""
        return int(self._connection.ask("held", tenant=tenant)["count"])

    @override
    def versions(self, tenant: str, name: str) -> tuple[SecretVersion, ...]:
        """As `Vault.versions`."""
        answer = self._connection.ask("versions", tenant=tenant, name=name)
        return tuple(map(_version_in, answer["versions"]))

    @override
    def delete(self, tenant: str, name: str, version: int | None = None) -> Deletion:
        """As `Vault.delete`, for candidates alone."""
        answer = self._connection.ask("delete", tenant=tenant, name=name, version=version)
        return Deletion.model_validate(answer["deletion"])

    @override
    def store_of(self, tenant: str) -> str:
        """As `Vault.store_of`, for the run's own tenant."""
        return str(self._connection.ask("placed", tenant=tenant)["store"])

    @override
    def wished_store(self, tenant: str) -> str:
        self._never()

    @override
    def store(self, name: str) -> SecretStore:
        self._never()

    @override
    def placement(self, tenant: str) -> Placement:
        self._never()

    @override
    def place(self, tenant: str, placement: Placement) -> None:
        self._never()

    @override
    def told(self, tenant: str, name: str, version: int, purpose: str) -> None:
        self._never()

    @override
    @contextmanager
    def writing(self, tenant: str) -> Iterator[SecretStore]:
        self._never()

    @override
    @contextmanager
    def alone_with(self, tenant: str) -> Iterator[None]:
        self._never()

    @override
    def tenants(self) -> tuple[str, ...]:
        """As `Vault.tenants`; for the service's own processes, not for a run."""
        return tuple(self._connection.ask("info")["tenants"])

    @override
    def create_tenant_key(self, tenant: str, *, again: bool = False) -> bool:
        self._never()

    @override
    def destroy_tenant_key(self, tenant: str) -> bool:
        self._never()

    @override
    def rotate_master(self, passphrase: Passphrase | None = None, *, argon2: Argon2Parameters | None = None) -> None:
        self._never()

    @staticmethod
    def _never() -> NoReturn:
        raise OutOfScope(
            "the vault is not changed through the broker",
            remedy="Use `tenantry vault` on the machine that has the key.",
        )

    # --- life ---------------------------------------------------------------------------------------------------------

    @override
    def close(self) -> None:
        self._connection.close()

    @override
    def __enter__(self) -> Self:
        return self

    @override
    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @override
    def __repr__(self) -> str:
        return f"BrokeredVault({str(self._path)!r})"


class Supervisor(BrokeredVault):
    """The service's hand on the broker: grants, and reading the record. No secret."""

    def grant(self, run: str, tenant: str, *, pid: int | None = None, life: float = LIFE) -> SecretStr:
        """A token for one run of one tenant.

        Args:
            pid: of the process that is to carry the run; it alone can use the token. None: the first that uses it.
            life: seconds.

        Raises:
            NotFound: the tenant has no key.
            NotAuthenticated: no such process.
        """
        return SecretStr(self._connection.ask("grant", role="run", run=run, tenant=tenant, pid=pid, life=life)["token"])

    def grant_reader(self, *, pid: int | None = None, life: float = LIFE) -> SecretStr:
        """A token for a process that shows the record (pages, exports): keys of every tenant's record and evidence."""
        return SecretStr(self._connection.ask("grant", role="reader", pid=pid, life=life)["token"])

    def grant_console(self, *, pid: int, life: float = 7 * LIFE) -> SecretStr:
        """A token for the process that faces the network (`ConsoleHand`): no secret, no key."""
        return SecretStr(self._connection.ask("grant", role="console", pid=pid, life=life)["token"])

    def alert_key(self) -> SecretBytes:
        """The private key that accepted alerts are sealed to."""
        return SecretBytes(unpack(self._connection.ask("alert.key")["value"]))

    def checkpoint_all(self) -> list[Stored]:
        """Have every tree of the record signed that grew. As `Ledger.checkpoint_all`."""
        return [
            Stored(one["tree"], one["size"], one["epoch"], one["witness"], one["at"], unpack(one["note"]))
            for one in self._connection.ask("checkpoint_all")["signed"]
        ]

    def revoke(self, token: SecretStr) -> None:
        """Take a token back. One that has expired or is none needs no taking back."""
        with contextlib.suppress(NotAuthenticated):
            self._connection.ask("revoke", token=token.get_secret_value())

    def due(self) -> tuple[list[Due], list[str]]:
        """As `tenantry.secretlife.due_everywhere`; the broker alone may list secrets."""
        answer = self._connection.ask("due")
        found = [Due(**{**row, "at": parse_rfc3339(row["at"])}) for row in answer["due"]]
        return found, list(answer["unknown"])

    def info(self) -> dict[str, Any]:
        """``{pid, started, tenants, reads, keys, refused, throttled, connections}`` since the broker was started."""
        return self._connection.ask("info")


def new_supervisor_secret() -> SecretStr:
    """What the service and its broker know each other by."""
    return SecretStr(secrets.token_urlsafe(32))


def _text(value: SecretBytes, name: str, tenant: str) -> SecretStr:
    try:
        return SecretStr(value.get_secret_value().decode("utf-8"))
    except UnicodeDecodeError:  # carries the bytes, so nothing is chained to it
        failed: TenantryError = SecretUnreadable(f"{name} of {tenant} is not text", remedy="Read it as bytes.")
    raise failed


def _version_in(shown: dict[str, Any]) -> SecretVersion:
    facts = Facts.model_validate(shown["facts"])
    created = datetime.fromisoformat(shown["created_at"])
    return SecretVersion.of(shown["tenant"], shown["name"], int(shown["version"]), created, facts)
