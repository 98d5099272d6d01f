"""The broker itself: takes requests on the socket, asks the vault, and records every answer before it is given."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from pydantic import SecretStr

from tenantry.broker.limit import Buckets, Rate
from tenantry.broker.tokens import LIFE, Grant, Role, read, sign
from tenantry.broker.wire import LENGTH, MAX_FRAME, Peer, address, decode, encode, error_out, pack, peer_of, unpack
from tenantry.clock import rfc3339
from tenantry.errors import (
    BrokerUnavailable,
    InvalidInput,
    NotAuthenticated,
    OutOfScope,
    RateLimited,
    RecordError,
    TenantryError,
    VaultLocked,
)
from tenantry.estate import load_estate
from tenantry.home import Home
from tenantry.journal import MSP, Event, Journal, Ledger
from tenantry.journal.lease import process
from tenantry.masterkey import Passphrase
from tenantry.names import SecretRef, check_tenant
from tenantry.people import People
from tenantry.secretstore import EMBEDDED, StoreOpener
from tenantry.signing import RecordSigner
from tenantry.vault import Vault

__all__ = ["Broker", "Limits"]

_LOG: Final = logging.getLogger(__name__)
_FIRST_FRAME: Final = 5.0
"""Seconds to say who one is, and to finish any frame once begun."""
_ANSWER: Final = 30.0
_OUTSIDE: Final = frozenset({"resolve", "get", "get_or_create"})
"""What may have to ask a secret store outside."""
_KEYS: Final = frozenset({"journal", "evidence"})
"""Purposes of keys that leave the broker; the vault's own, and the broker's, never do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be asked. A run signs in a few times; a run over every account of a client stores a password for each."""

    run: Rate = field(default_factory=lambda: Rate(burst=60, per_second=2.0))
    tenant: Rate = field(default_factory=lambda: Rate(burst=240, per_second=8.0))
    """All runs of one tenant together."""
    refusals: int = 50
    """After so many a token is of no use any more."""
    connections: int = 256
    outside: int = 4
    """Calls that may wait for one secret store at the same time."""
    record_every: float = 1.0
    """Seconds in which refusals of one kind are counted together after the first, so that who asks in a loop does not fill
    the disk."""


@dataclass(slots=True)
class _Session:
    """One connection."""

    peer: Peer
    grant: Grant | None = None


@dataclass(slots=True)
class _Tally:
    """Refusals of one kind since the last entry."""

    tenant: str
    payload: dict[str, Any]
    at: float
    more: int = 0


@dataclass(slots=True)
class _Counters:
    started: float = field(default_factory=time.time)
    reads: int = 0
    keys: int = 0
    refused: int = 0
    throttled: int = 0


class Broker:
    """Use as a context manager around `serve`; opens the vault, and closes it at the end.

    Args:
        home: whose vault.
        supervisor: the secret by which the service that started this broker is known.
        passphrase: of the vault, if it has one.
        limits: how much may be asked.
        uid: the account that may connect; this process's own when None.
        stores: opens the estate's secret stores.

    Raises:
        VaultLocked: as `Vault.open`.
    """

    def __init__(
        self,
        home: Home,
        supervisor: SecretStr,
        passphrase: Passphrase | None = None,
        *,
        limits: Limits | None = None,
        uid: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        stores: StoreOpener | None = None,
    ) -> None:
        self.home = home
        self.path = home.broker_socket
        self._supervisor = supervisor
        self._limits = limits or Limits()
        self._uid = os.getuid() if uid is None else uid
        self._now = monotonic
        self._asking = threading.local()
        self._vault = Vault.open(home, passphrase, on_read=self._on_read, stores=stores)
        self._journal = Journal(f"sqlite:///{home.journal_db}", lambda tenant: self._vault.subkey(tenant, "journal"))
        self._ledger = Ledger(self._journal, RecordSigner(home, self._vault))
        self._people = People(home, self._vault, on_event=self._on_people)
        self._token_key = self._vault.subkey(MSP, "broker")
        self._runs = Buckets(self._limits.run, monotonic)
        self._tenants = Buckets(self._limits.tenant, monotonic)
        self._owners: dict[str, str] = {}
        self._revoked: set[str] = set()
        self._failures: dict[str, int] = {}
        self._tallies: dict[tuple[str, ...], _Tally] = {}
        self._counters = _Counters()
        self._connections = 0
        self._stale = threading.Event()
        # The vault is SQLite: a second thread would only wait.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="broker")
        # A store outside may take seconds to say no: each has threads of its own, so that one that is away holds up no other.
        self._outside: dict[str, ThreadPoolExecutor] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Record what is still counted, close vault and record."""
        for outside in (*self._outside.values(), self._thread):
            outside.shutdown(wait=True, cancel_futures=True)
        with contextlib.suppress(RecordError):  # the record cannot be written: nobody was given anything meanwhile
            self._write_tallies(everything=True)
        self._people.close()
        self._journal.close()
        self._vault.close()

    # --- the socket ---------------------------------------------------------------------------------------------------

    async def serve(self, ready: Callable[[], None] | None = None) -> None:
        """Until cancelled, or until the master key was changed by another process.

        Args:
            ready: called once connections are taken.

        Raises:
            BrokerUnavailable: the socket cannot be made, or another broker serves this home.
        """
        with address(self.path) as at:
            await self._alone(at)
            before = os.umask(0o177)  # the socket is never, not even for an instant, open to others
            try:
                server = await asyncio.start_unix_server(self._connected, at, limit=MAX_FRAME)
            except OSError as error:
                raise BrokerUnavailable(f"the broker's socket cannot be made ({error.strerror})") from error
            finally:
                os.umask(before)
        mine = self.path.stat().st_ino
        try:
            async with server:
                if ready is not None:
                    ready()
                while not self._stale.is_set():
                    await asyncio.sleep(self._limits.record_every)
                    with contextlib.suppress(RecordError):  # tried again in the next round
                        await self._in_thread(self._write_tallies)
        finally:
            with contextlib.suppress(FileNotFoundError):
                if self.path.stat().st_ino == mine:
                    self.path.unlink()

    async def _alone(self, at: str) -> None:
        """Take the place of a socket that nobody serves any more."""
        try:
            if not stat.S_ISSOCK(self.path.lstat().st_mode):
                raise BrokerUnavailable(f"{self.path.name} is not a socket", remedy="Move that file away.")
        except FileNotFoundError:
            return
        try:
            _, writer = await asyncio.open_unix_connection(at)
        except OSError:
            self.path.unlink(missing_ok=True)
            return
        writer.close()
        raise BrokerUnavailable("a broker serves this home already", remedy="One `tenantry up` is enough.")

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        session = _Session(peer_of(writer.get_extra_info("socket")))
        try:
            if session.peer.uid != self._uid:
                # Before anything it sends is read.
                self._counters.refused += 1
                await self._in_thread(
                    self._refused, session, "connect", NotAuthenticated("another account"), {"uid": session.peer.uid}
                )
                return
            if self._connections > self._limits.connections:
                return
            while (request := await _frame(reader, None if session.grant else _FIRST_FRAME)) is not None:
                answer = await self._answer(session, request)
                writer.write(encode(answer))
                async with asyncio.timeout(_FIRST_FRAME):
                    await writer.drain()
                if session.grant is None:
                    return  # whoever is not known does not stay
        except (InvalidInput, ConnectionError, TimeoutError, RecordError):
            return  # the connection is worth nothing any more; what mattered is in the record
        finally:
            self._connections -= 1
            writer.close()

    async def _answer(self, session: _Session, request: Mapping[str, Any]) -> dict[str, Any]:
        operation = request.get("op")
        try:
            if session.grant is None:
                session.grant = await self._in_thread(self._hello, session, request)
                return {"role": session.grant.role, "run": session.grant.run, "tenant": session.grant.tenant}
            self._admit(session.grant, str(operation))
            async with asyncio.timeout(_ANSWER):
                thread = await self._thread_for(session.grant, str(operation))
                answer: dict[str, Any] = await self._in_thread(
                    self._do, session, str(operation), request, thread=thread
                )
        except TimeoutError:
            return error_out(BrokerUnavailable("the broker took too long"))
        except VaultLocked:
            # The master key was changed meanwhile: the service starts a broker that reads the new one; tokens stay good.
            self._stale.set()
            return error_out(BrokerUnavailable("the master key was changed; the broker starts again"))
        except TenantryError as error:
            try:
                await self._in_thread(self._note, session, str(operation), request, error)
            except RecordError as unrecorded:
                return error_out(unrecorded)
            return error_out(error)
        return answer

    async def _in_thread(
        self, work: Callable[..., Any], *arguments: Any, thread: ThreadPoolExecutor | None = None
    ) -> Any:
        return await asyncio.get_running_loop().run_in_executor(thread or self._thread, work, *arguments)

    async def _thread_for(self, grant: Grant, operation: str) -> ThreadPoolExecutor:
        if operation not in _OUTSIDE or grant.tenant is None:
            return self._thread
        store = await self._in_thread(self._vault.store_of, grant.tenant)
        if store == EMBEDDED:
            return self._thread
        return self._outside.setdefault(
            store, ThreadPoolExecutor(max_workers=self._limits.outside, thread_name_prefix=f"broker-{store}")
        )

    # --- who asks -----------------------------------------------------------------------------------------------------

    def _hello(self, session: _Session, request: Mapping[str, Any]) -> Grant:
        token = request.get("token")
        if request.get("op") != "hello" or not isinstance(token, str):
            raise NotAuthenticated("say hello with a token first")
        if hmac.compare_digest(token.encode("utf-8", "replace"), self._supervisor.get_secret_value().encode()):
            return Grant("supervisor", "supervisor", None, None, None, float("inf"))
        grant = read(token, self._token_key)
        caller = process(session.peer.pid)
        owner = grant.owner or self._owners.setdefault(grant.id, caller or "")
        if caller is None or caller != owner:
            raise NotAuthenticated("the token belongs to another process")
        self._usable(grant)
        return grant

    def _usable(self, grant: Grant) -> None:
        if grant.id in self._revoked:
            raise NotAuthenticated("the token was taken back", remedy="Start the run's process again.")
        if grant.until < time.time():
            raise NotAuthenticated("the token has expired", remedy="Start the run's process again.")

    def _admit(self, grant: Grant, operation: str) -> None:
        """Rate limits. Keys are not limited: a process asks for each once; nor are signatures: a run asks when it stops."""
        self._usable(grant)
        if grant.role != "run" or operation in {"subkey", "info", "checkpoint"}:
            return
        wait = max(self._runs.take(grant.id), self._tenants.take(grant.tenant or ""))
        if wait:
            self._counters.throttled += 1
            raise RateLimited("secrets are asked for too fast", retry_after=wait)

    # --- what is answered ---------------------------------------------------------------------------------------------

    def _do(self, session: _Session, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        grant = session.grant
        handler = self._operations.get((grant.role, operation)) if grant is not None else None
        if grant is None or handler is None:
            raise OutOfScope(f"{operation[:40]!r} is not for this token")
        self._asking.session = session
        try:
            return handler(self, grant, request)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise InvalidInput(f"not what {operation} takes ({type(error).__name__})", place="broker") from None
        finally:
            self._asking.session = None

    def _secret(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        ref = SecretRef.parse(request["ref"])
        tenant = _own(grant)
        if ref.tenant == MSP and request.get("estate_provider"):
            # What the child claims does not count: estate.yaml says which of the estate's secrets runs may use.
            estate = {
                secret for provider in load_estate(self.home).providers.values() for secret in provider.secrets.values()
            }
            if ref not in estate:
                raise OutOfScope("estate.yaml does not give this secret to runs")
        value = self._vault.resolve(
            ref,
            for_tenant=tenant,
            estate_provider=ref.tenant == MSP and bool(request.get("estate_provider")),
            purpose=_purpose(request),
        )
        self._counters.reads += 1
        return {"value": pack(value.get_secret_value())}

    def _version(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        tenant, version = _own(grant, request["tenant"]), request.get("version")
        if version is not None and not isinstance(version, int):
            raise InvalidInput("a version is a number", place="version")
        value = self._vault.get(tenant, str(request["name"]), version, purpose=_purpose(request))
        self._counters.reads += 1
        return {"value": pack(value.get_secret_value())}

    def _keep(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        tenant, name, kind = _own(grant, request["tenant"]), str(request["name"]), str(request["kind"])
        offered = SecretStr(unpack(request["value"]).decode("utf-8"))

        def make() -> SecretStr:
            payload = {"name": name, "kind": kind, **self._who(grant)}
            self._journal.append(tenant, [Event("vault.made", payload)])
            return offered

        kept = self._vault.get_or_create(tenant, name, make, kind=kind, purpose=_purpose(request))
        self._counters.reads += 1
        return {"value": pack(kept.get_secret_value().encode())}

    def _subkey(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        purpose = str(request["purpose"])
        tenant = check_tenant(str(request["tenant"])) if grant.role != "run" else _own(grant, request["tenant"])
        if purpose not in _KEYS:
            raise OutOfScope(f"no key for {purpose[:40]!r} leaves the broker")
        key = self._vault.subkey(tenant, purpose)
        self._journal.append(tenant, [Event("vault.key", {"purpose": purpose, **self._who(grant)})])
        self._counters.keys += 1
        return {"value": pack(key)}

    def _authenticate(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        tenant, purpose = _own(grant, request["tenant"]), str(request["purpose"])
        if not purpose.endswith(f":{grant.run}"):
            raise OutOfScope("a run may ask for proof of its own questions alone")
        code = SecretStr(unpack(request["code"]).decode("utf-8"))
        proof = self._people.authenticate(
            str(request["person"]), code, purpose=purpose, tenant=tenant, role=request.get("role")
        )
        return {"person": proof.person.id, "at": rfc3339(proof.at), "method": proof.method}

    def _grant(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        del grant
        role, run, tenant, pid = request["role"], request.get("run"), request.get("tenant"), request.get("pid")
        life = float(request.get("life") or LIFE)
        if role == "run":
            tenant = check_tenant(str(tenant))
            if tenant == MSP or not isinstance(run, str) or not 0 < len(run) <= 80:
                raise InvalidInput("a run's token names a run and a client", place="grant")
            self._vault.subkey(tenant, "journal")  # a tenant without a key has no run
        elif role != "reader" or run is not None or tenant is not None:
            raise InvalidInput("grant a run's token, or a reader's", place="grant")
        made = Grant.make(_role(role), run=run, tenant=tenant, pid=None if pid is None else int(pid), life=life)
        payload = {"grant": made.id, "role": role, "run": run, "pid": pid, "until_us": int(made.until * 1e6)}
        self._journal.append(tenant or MSP, [Event("vault.granted", payload)])
        return {"token": sign(made, self._token_key), "id": made.id}

    def _revoke(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        del grant
        revoked = read(str(request["token"]), self._token_key)
        if revoked.id not in self._revoked:
            self._journal.append(
                revoked.tenant or MSP, [Event("vault.revoked", {"grant": revoked.id, "run": revoked.run})]
            )
            self._revoked.add(revoked.id)
        return {}

    def _checkpoint(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        tenant = _own(grant, request["tenant"]) if grant.role == "run" else check_tenant(str(request["tenant"]))
        self._ledger.checkpoint(tenant)
        return {}

    def _checkpoint_all(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        del grant, request
        signed = self._ledger.checkpoint_all()
        return {"signed": [{**asdict(one), "note": pack(one.note)} for one in signed]}

    def _info(self, grant: Grant, request: Mapping[str, Any]) -> dict[str, Any]:
        del grant, request
        c = self._counters
        return {
            "pid": os.getpid(),
            "started": c.started,
            "tenants": list(self._vault.tenants()),
            "reads": c.reads,
            "keys": c.keys,
            "refused": c.refused,
            "throttled": c.throttled,
            "connections": self._connections,
        }

    _operations: Final[Mapping[tuple[str, str], Callable[[Broker, Grant, Mapping[str, Any]], dict[str, Any]]]] = {
        ("run", "resolve"): _secret,
        ("run", "get"): _version,
        ("run", "get_or_create"): _keep,
        ("run", "subkey"): _subkey,
        ("run", "authenticate"): _authenticate,
        ("run", "checkpoint"): _checkpoint,
        ("reader", "subkey"): _subkey,
        ("reader", "info"): _info,
        ("supervisor", "subkey"): _subkey,
        ("supervisor", "info"): _info,
        ("supervisor", "checkpoint"): _checkpoint,
        ("supervisor", "checkpoint_all"): _checkpoint_all,
        ("supervisor", "grant"): _grant,
        ("supervisor", "revoke"): _revoke,
    }

    # --- what is recorded ---------------------------------------------------------------------------------------------

    def _who(self, grant: Grant) -> dict[str, Any]:
        session: _Session | None = getattr(self._asking, "session", None)
        return {"grant": grant.id, "role": grant.role, "run": grant.run, "pid": session.peer.pid if session else None}

    def _on_read(self, tenant: str, name: str, version: int, purpose: str) -> None:
        """Before a secret is handed out: what cannot be recorded is not given."""
        session: _Session | None = getattr(self._asking, "session", None)
        who = self._who(session.grant) if session is not None and session.grant is not None else {}
        payload = {"name": name, "version": version, "purpose": purpose, **who}
        self._journal.append(tenant, [Event("vault.read", payload)])

    def _on_people(self, event: str, payload: dict[str, Any]) -> None:
        self._journal.append(MSP, [Event(event, payload)])

    def _note(self, session: _Session, operation: str, request: Mapping[str, Any], error: TenantryError) -> None:
        """Record a refusal. In a client's own tree stands that its run was refused, never whose secret it asked for."""
        if operation == "authenticate" and not isinstance(error, (OutOfScope, RateLimited)):
            return  # the people's own entry says so already
        self._counters.refused += 1
        wanted = {key: str(request[key])[:300] for key in ("ref", "tenant", "name", "purpose") if key in request}
        self._refused(session, operation[:40], error, wanted)
        grant = session.grant
        if grant is None or grant.role != "run" or isinstance(error, RateLimited):
            return
        self._failures[grant.id] = self._failures.get(grant.id, 0) + 1
        if self._failures[grant.id] >= self._limits.refusals and grant.id not in self._revoked:
            self._revoked.add(grant.id)
            payload = {"grant": grant.id, "run": grant.run, "why": "refused too often"}
            self._journal.append(grant.tenant or MSP, [Event("vault.revoked", payload)])

    def _refused(self, session: _Session, operation: str, error: TenantryError, wanted: Mapping[str, Any]) -> None:
        grant = session.grant
        _LOG.warning("refused %s: %s", operation, error.code, extra={"run": grant.run if grant else None})
        payload: dict[str, Any] = {"op": operation, "why": error.code, "pid": session.peer.pid}
        if grant is not None:
            payload |= {"grant": grant.id, "role": grant.role, "run": grant.run}
        self._tally(MSP, payload | {"tenant": grant.tenant if grant else None, "wanted": dict(wanted)})
        if grant is not None and grant.tenant is not None:
            self._tally(grant.tenant, payload)

    def _tally(self, tenant: str, payload: dict[str, Any]) -> None:
        """Record it now, or count it when the same was recorded a moment ago. It is never lost: the count is recorded."""
        now = self._now()
        key = (tenant, payload["op"], payload["why"], str(payload.get("grant")), str(payload.get("wanted")))
        known = self._tallies.get(key)
        if known is not None or len(self._tallies) > 1_000:
            known = known or self._tallies.setdefault((tenant, "many"), _Tally(tenant, payload, now))
            known.more += 1
            return
        self._journal.append(tenant, [Event("vault.refused", payload)])
        self._tallies[key] = _Tally(tenant, payload, now)

    def _write_tallies(self, *, everything: bool = False) -> None:
        now = self._now()
        for key, tally in list(self._tallies.items()):
            if not everything and now - tally.at < self._limits.record_every:
                continue
            if tally.more:
                self._journal.append(tally.tenant, [Event("vault.refused", tally.payload | {"again": tally.more})])
            del self._tallies[key]


def _own(grant: Grant, tenant: Any = None) -> str:
    """The grant's tenant, when that is who was asked for."""
    if grant.tenant is None or tenant not in (None, grant.tenant):
        raise OutOfScope("a run reaches its own tenant alone")
    return grant.tenant


def _role(text: str) -> Role:
    return "run" if text == "run" else "reader"


def _purpose(request: Mapping[str, Any]) -> str:
    return str(request.get("purpose") or "")[:200]


async def _frame(reader: asyncio.StreamReader, patience: float | None) -> dict[str, Any] | None:
    """The next message; None at the end. ``patience`` in seconds, for it to begin."""
    try:
        async with asyncio.timeout(patience):
            first = await reader.readexactly(LENGTH.size)
        (length,) = LENGTH.unpack(first)
        if length > MAX_FRAME:
            raise InvalidInput("a message too long", place="broker")
        async with asyncio.timeout(_FIRST_FRAME):
            return decode(await reader.readexactly(length))
    except asyncio.IncompleteReadError:
        return None
