"""The broker itself: takes requests on the socket, asks the vault, and records every answer before it is given."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import stat
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Self

from pydantic import SecretStr

from tenantry.broker.limit import Buckets, Rate
from tenantry.broker.operations import Operations
from tenantry.broker.refusals import Refusals
from tenantry.broker.sessions import Counters, Session
from tenantry.broker.tokens import Grant, read
from tenantry.broker.wire import LENGTH, MAX_FRAME, address, decode, encode, error_out, peer_of
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
from tenantry.home import Home
from tenantry.journal import MSP, Event
from tenantry.journal.lease import process
from tenantry.masterkey import Passphrase
from tenantry.secretstore import EMBEDDED, StoreOpener

__all__ = ["Broker", "Limits"]

_FIRST_FRAME: Final = 5.0
"""Seconds to say who one is, and to finish any frame once begun."""
_ANSWER: Final = 30.0
_TEND: Final = 3.0
"""Seconds between two looks at what has expired."""
_OUTSIDE: Final = frozenset({"resolve", "get", "get_or_create", "put", "versions", "delete"})
"""What may have to ask a secret store outside."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be asked. A run signs in a few times; a run over every account of a client stores a password for each."""

    run: Rate = field(default_factory=lambda: Rate(burst=60, per_second=2.0))
    tenant: Rate = field(default_factory=lambda: Rate(burst=240, per_second=8.0))
    """All runs of one tenant together."""
    console: Rate = field(default_factory=lambda: Rate(burst=200, per_second=20.0))
    """Of the process that faces the network: everybody who hands something over, together."""
    alerts: Rate = field(default_factory=lambda: Rate(burst=1_000, per_second=500.0))
    """Batches of messages that the same process has proven. Kept apart, so that a flood of alerts keeps no contact from their drop."""
    refusals: int = 50
    """After so many a token is of no use any more."""
    connections: int = 256
    outside: int = 4
    """Calls that may wait for one secret store at the same time."""
    record_every: float = 1.0
    """Seconds in which refusals of one kind are counted together after the first, so that who asks in a loop does not fill
    the disk."""


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
        self._counters = Counters()
        self._operations = Operations(home, passphrase, self._counters, stores)
        self._refusals = Refusals(self._operations.journal, self._limits.record_every, monotonic)
        self._runs = Buckets(self._limits.run, monotonic)
        self._tenants = Buckets(self._limits.tenant, monotonic)
        self._console = Buckets(self._limits.console, monotonic)
        self._alerts = Buckets(self._limits.alerts, monotonic)
        self._tended = 0.0
        self._owners: dict[str, str] = {}
        self._failures: dict[str, int] = {}
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
            self._refusals.write(everything=True)
        self._operations.close()

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
            if ready is not None:
                ready()
            while not self._stale.is_set():
                await asyncio.sleep(self._limits.record_every)
                with contextlib.suppress(RecordError):  # tried again in the next round
                    await self._in_thread(self._refusals.write)
                    await self._in_thread(self._tend)
        finally:
            server.close()  # who is connected is not waited for, as `async with` does from Python 3.12 on
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
        self._counters.connections += 1
        session = Session(peer_of(writer.get_extra_info("socket")))
        try:
            if session.peer.uid != self._uid:
                # Before anything it sends is read.
                self._counters.refused += 1
                await self._in_thread(
                    self._refusals.record,
                    session,
                    "connect",
                    NotAuthenticated("another account"),
                    {"uid": session.peer.uid},
                )
                return
            if self._counters.connections > self._limits.connections:
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
            self._counters.connections -= 1
            writer.close()

    async def _answer(self, session: Session, request: Mapping[str, Any]) -> dict[str, Any]:
        operation = request.get("op")
        try:
            if session.grant is None:
                session.grant = await self._in_thread(self._hello, session, request)
                return {"role": session.grant.role, "run": session.grant.run, "tenant": session.grant.tenant}
            self._admit(session.grant, str(operation))
            async with asyncio.timeout(_ANSWER):
                thread = await self._thread_for(session.grant, str(operation))
                answer: dict[str, Any] = await self._in_thread(
                    self._operations.do, session, str(operation), request, thread=thread
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

    def _tend(self) -> None:
        now = time.monotonic()
        if now - self._tended >= _TEND:
            self._tended = now
            self._operations.tend()

    async def _in_thread(
        self, work: Callable[..., Any], *arguments: Any, thread: ThreadPoolExecutor | None = None
    ) -> Any:
        return await asyncio.get_running_loop().run_in_executor(thread or self._thread, work, *arguments)

    async def _thread_for(self, grant: Grant, operation: str) -> ThreadPoolExecutor:
        if operation == "due":  # looks into every store, one after the other
            return self._outside.setdefault("(due)", ThreadPoolExecutor(1, thread_name_prefix="broker-due"))
        if operation not in _OUTSIDE or grant.tenant is None:
            return self._thread
        store = await self._in_thread(self._operations.vault.store_of, grant.tenant)
        if store == EMBEDDED:
            return self._thread
        return self._outside.setdefault(
            store, ThreadPoolExecutor(max_workers=self._limits.outside, thread_name_prefix=f"broker-{store}")
        )

    # --- who asks -----------------------------------------------------------------------------------------------------

    def _hello(self, session: Session, request: Mapping[str, Any]) -> Grant:
        token = request.get("token")
        if request.get("op") != "hello" or not isinstance(token, str):
            raise NotAuthenticated("say hello with a token first")
        if hmac.compare_digest(token.encode("utf-8", "replace"), self._supervisor.get_secret_value().encode()):
            return Grant("supervisor", "supervisor", None, None, None, float("inf"))
        grant = read(token, self._operations.token_key)
        caller = process(session.peer.pid)
        owner = grant.owner or self._owners.setdefault(grant.id, caller or "")
        if caller is None or caller != owner:
            raise NotAuthenticated("the token belongs to another process")
        self._usable(grant)
        return grant

    def _usable(self, grant: Grant) -> None:
        if grant.id in self._operations.revoked:
            raise NotAuthenticated("the token was taken back", remedy="Start the run's process again.")
        if grant.until < time.time():
            raise NotAuthenticated("the token has expired", remedy="Start the run's process again.")

    def _admit(self, grant: Grant, operation: str) -> None:
        """Rate limits. Keys are not limited: a process asks for each once; nor are signatures: a run asks when it stops."""
        self._usable(grant)
        if grant.role == "console":
            wait = (self._alerts if operation.startswith("alert.") else self._console).take(grant.id)
            if wait:
                self._counters.throttled += 1
                raise RateLimited("the console asks too fast", retry_after=wait)
            return
        if grant.role != "run" or operation in {"subkey", "info", "checkpoint"}:
            return
        wait = max(self._runs.take(grant.id), self._tenants.take(grant.tenant or ""))
        if wait:
            self._counters.throttled += 1
            raise RateLimited("secrets are asked for too fast", retry_after=wait)

    # --- what is recorded ---------------------------------------------------------------------------------------------

    def _note(self, session: Session, operation: str, request: Mapping[str, Any], error: TenantryError) -> None:
        """Record a refusal. In a client's own tree stands that its run was refused, never whose secret it asked for."""
        if operation == "authenticate" and not isinstance(error, (OutOfScope, RateLimited)):
            return  # the people's own entry says so already
        self._counters.refused += 1
        wanted = {key: str(request[key])[:300] for key in ("ref", "tenant", "name", "purpose") if key in request}
        self._refusals.record(session, operation[:40], error, wanted)
        grant = session.grant
        if grant is None or grant.role != "run" or isinstance(error, RateLimited):
            return
        self._failures[grant.id] = self._failures.get(grant.id, 0) + 1
        if self._failures[grant.id] >= self._limits.refusals and grant.id not in self._operations.revoked:
            self._operations.revoked.add(grant.id)
            payload = {"grant": grant.id, "run": grant.run, "why": "refused too often"}
            self._operations.journal.append(grant.tenant or MSP, [Event("vault.revoked", payload)])


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
