"""One host's connection: opened when it is first needed, kept, opened anew when it is gone.

paramiko blocks, so everything of it happens in threads of the provider's own; whoever waits for a call can be cancelled,
and the call's channel is closed then. What became of it::

    what happened                                read             write
    no connection, wrong key, not let in         Unreachable *, SignInFailed
    the kept connection was gone                 opened anew, once; nothing had been sent
    no answer in time, broken off                VendorFault *    InDoubt
    more output than the limit                   Rejected         InDoubt
    effect's deadline passed                     TimedOut, nothing sent

    * retryable
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import paramiko

from integrations.linux.command import Command, Outcome
from integrations.linux.hostkeys import KnownHost, fingerprint
from tenantry import deadline
from tenantry.errors import (
    InDoubt,
    PermissionMissing,
    Rejected,
    SignInFailed,
    TargetNotFound,
    TenantryError,
    Unreachable,
    VendorFault,
)

__all__ = ["Connection", "Credential", "Limits", "Login", "Target"]

T = TypeVar("T")

# Every error of paramiko's becomes one of ours; what it would log besides is what a host said, which may be anything.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

_PIECE: Final = 65_536
_STDERR: Final = 16_384
"""Bytes of a command's messages that are kept; none of them is ever shown, some are looked at."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds.

    Attributes:
        connect: until the host's sshd has let us in.
        command: a command that nobody gave another time.
        output: bytes of one command's output that is read as a whole.
        channels: commands at a time over one connection, two at least; sshd allows ten (MaxSessions).
    """

    connect: float = 15.0
    command: float = 60.0
    output: int = 64 * 1024 * 1024
    channels: int = 6


@dataclass(frozen=True, slots=True)
class Target:
    """Where a host is and what it proves itself with."""

    name: str
    address: str
    port: int
    account: str
    known: KnownHost


@dataclass(slots=True)
class Login:
    """What signing in found out."""

    key: str | None
    """Fingerprint of our key."""
    host_key: str
    certificate: bool
    """The host proved itself by a certificate."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A private key, with its certificate where there is one; only in memory, and only while signing in."""

    key: paramiko.PKey
    certified: paramiko.PKey | None = None
    """The same key with its certificate; tried first, since a jump host may know only the key."""

    @property
    def fingerprint(self) -> str:
        """Of the public key, as authorized_keys would show it."""
        return fingerprint(self.key.asbytes())


class _Transport(paramiko.Transport):  # type: ignore[misc]  # paramiko has no types
    """Remembers what the host proved itself with, and asks only for kinds of keys that we could recognise."""

    def __init__(self, sock: Any, known: KnownHost) -> None:
        self._known = known
        self.presented = b""
        super().__init__(sock)

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """Certificates first where an authority is known, else the kinds of the known keys; anything where nothing is
        known, so that the refusal can show a fingerprint."""
        every = tuple(super().preferred_keys)
        certificates = tuple(name for name in every if "-cert-" in name) if self._known.authorities else ()
        kinds = {key[4 : 4 + int.from_bytes(key[:4])].decode("ascii", "replace") for key in self._known.keys}
        if "ssh-rsa" in kinds:
            kinds |= {"rsa-sha2-512", "rsa-sha2-256"}
        plain = tuple(name for name in every if name in kinds)
        return (
            certificates
            + plain
            + tuple(name for name in every if name not in certificates + plain and "-cert-" not in name)
        )

    def _verify_key(self, host_key: bytes, sig: bytes) -> None:
        super()._verify_key(host_key, sig)
        self.presented = host_key


class _Call:
    """One command under way, closable from outside its thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self.channel: Any = None
        self.sent = False

    def adopt(self, channel: Any) -> None:
        with self._lock:
            self.channel = channel
            closed = self._closed
        if closed:
            channel.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            channel = self.channel
        if channel is not None:
            channel.close()


@dataclass(slots=True)
class _Opened:
    transport: _Transport
    login: Login
    busy: int = 0
    """Calls under way."""


class Connection:
    """To one host, for one tenant.

    Args:
        target: where, and who it must be.
        credential: asked for at each sign-in, out of the vault.
        password: sudo's, likewise; None where sudo asks for none.
        executor: threads of the provider.
        via: the connection of the jump host.
    """

    def __init__(
        self,
        target: Target,
        credential: Callable[[], Awaitable[Credential]],
        executor: Executor,
        *,
        password: Callable[[], Awaitable[bytes]] | None = None,
        via: Connection | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.target = target
        self._credential = credential
        self._password = password
        self._executor = executor
        self._via = via
        self._limits = limits or Limits()
        self._opening = asyncio.Lock()
        self._channels = asyncio.Semaphore(self._limits.channels)
        self._streams = asyncio.Semaphore(max(1, self._limits.channels - 1))
        """Whoever reads a stream may ask something else meanwhile: one channel is always left for that."""
        self._opened: _Opened | None = None
        self._own_way: Connection | None = None
        """A jump host's connection that nobody but this one uses."""
        self.opened_count = 0
        """How often it was opened; for those who want to know whether it is reused."""

    @property
    def sudo(self) -> bool:
        """Whether root is reached through sudo."""
        return self.target.account != "root"

    @property
    def asks(self) -> bool:
        """Whether sudo is given a password."""
        return self._password is not None

    async def login(self) -> Login:
        """Sign in, if that has not been done yet."""
        return (await self._open()).login

    # --- commands -----------------------------------------------------------------------------------------------------

    async def read(self, command: Command, *, timeout: float | None = None) -> Outcome:
        """Run something that changes nothing, and take all of its output.

        Raises:
            Unreachable, SignInFailed, VendorFault, Rejected.
        """
        return await self._run(command, timeout or self._limits.command, write=False)

    async def write(self, command: Command, *, timeout: float | None = None) -> Outcome:
        """Run something that changes the host, once.

        Raises:
            InDoubt: it was sent and how it ended is not known.
            TimedOut: the effect's deadline had passed; nothing was sent.
            Unreachable, SignInFailed: nothing was sent.
        """
        left = deadline.remaining()
        limit = timeout or self._limits.command
        return await self._run(command, limit if left is None else min(limit, max(left, 0.001)), write=True)

    async def _run(self, command: Command, timeout: float, *, write: bool) -> Outcome:
        line, stdin = await self._prepared(command)
        async with self._channels:
            for fresh in (False, True):
                opened = await self._open()
                call = _Call()
                if write:
                    deadline.check()
                opened.busy += 1
                try:
                    work = functools.partial(
                        _execute, opened.transport, call, line, stdin, timeout, self._limits.output, write=write
                    )
                    return await self._threaded(work, call, timeout + 1.0)
                except _Full:
                    if write:
                        raise self._doubt(command) from None
                    raise Rejected(
                        f"{self.target.name}: {command.program} put out more than {self._limits.output} bytes",
                        remedy="Narrow down what is read.",
                        vendor="linux",
                    ) from None
                except (paramiko.SSHException, EOFError, OSError, TimeoutError) as error:
                    await self._doubted(opened)
                    if not call.sent and not fresh:
                        continue
                    if write and call.sent:
                        raise self._doubt(command) from error
                    raise VendorFault(
                        f"{self.target.name}: the connection ended while {command.program} ran", vendor="linux"
                    ) from error
                finally:
                    opened.busy -= 1
        raise VendorFault(f"{self.target.name}: no connection holds", vendor="linux")

    async def stream(self, command: Command, *, timeout: float | None = None) -> AsyncIterator[bytes]:
        """The output of something that changes nothing, in pieces, in constant memory.

        Args:
            timeout: between two pieces.

        Raises:
            VendorFault: it broke off, or ended with another status than 0 (``detail.status`` says which).
        """
        line, stdin = await self._prepared(command)
        limit = timeout or self._limits.command
        async with self._streams, self._channels:
            opened = await self._open()
            call = _Call()
            opened.busy += 1
            try:
                begin = await self._threaded(
                    lambda: _begin(opened.transport, call, line, stdin, limit), call, limit + 1
                )
                while piece := await self._threaded(lambda: _piece(begin), call, limit + 1):
                    yield piece
                status = await self._threaded(lambda: _status(begin, limit), call, limit + 1)
            except (paramiko.SSHException, EOFError, OSError, TimeoutError) as error:
                await self._doubted(opened)
                raise VendorFault(
                    f"{self.target.name}: the connection ended while {command.program} ran", vendor="linux"
                ) from error
            finally:
                opened.busy -= 1
                call.close()
        if status != 0:
            raise VendorFault(
                f"{self.target.name}: {command.program} ended with {status}", vendor="linux", status=status
            )

    async def knock(self, address: str, port: int, timeout: float) -> bool:
        """Whether this host can open a connection to there. Its own sshd does it; nothing is run (RFC 4254, 7.2)."""
        opened = await self._open()
        call = _Call()
        try:
            channel = await self._threaded(
                lambda: opened.transport.open_channel(
                    "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=timeout
                ),
                call,
                timeout + 1,
            )
        except paramiko.ChannelException as refusal:
            if refusal.code == 1:  # administratively prohibited: the answer says nothing about the other host
                raise Rejected(
                    f"{self.target.name} does not allow to look from it (AllowTcpForwarding)", vendor="linux"
                ) from refusal
            return False
        except (paramiko.SSHException, EOFError, OSError):
            if opened.transport.is_active():
                return False
            await self._forget(opened)
            raise VendorFault(f"{self.target.name}: the connection ended", vendor="linux") from None
        channel.close()
        return True

    async def sftp(self, work: Callable[[Any], T], *, timeout: float | None = None) -> T:
        """Do something with an SFTP client, in a thread; read-only by agreement.

        Raises:
            TargetNotFound, PermissionMissing: of the file that was asked for. VendorFault: it broke off, or the host has no SFTP.
        """
        opened = await self._open()
        call = _Call()

        def inside() -> T:
            client = paramiko.SFTPClient.from_transport(opened.transport)
            if client is None:
                raise paramiko.SSHException("no sftp")
            call.adopt(client.get_channel())
            client.get_channel().settimeout(timeout or self._limits.command)
            with client:
                return work(client)

        try:
            async with self._channels:
                return await self._threaded(inside, call, (timeout or self._limits.command) + 1)
        except FileNotFoundError as error:
            raise TargetNotFound(
                f"{self.target.name}: what was asked for by sftp is not there", vendor="linux"
            ) from error
        except PermissionError as error:
            raise PermissionMissing(
                f"{self.target.name}: {self.target.account} may not read this by sftp", vendor="linux"
            ) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise VendorFault(f"{self.target.name}: sftp broke off", vendor="linux") from error

    # --- the connection -----------------------------------------------------------------------------------------------

    async def fresh(self) -> Connection:
        """Another connection to the same host, with nothing in common with this one. The caller closes it."""
        via = await self._via.fresh() if self._via is not None else None
        other = Connection(
            self.target, self._credential, self._executor, password=self._password, via=via, limits=self._limits
        )
        other._own_way = via
        try:
            await other.login()
        except BaseException:
            await other.aclose()
            raise
        return other

    async def aclose(self) -> None:
        """Close it, and a jump host's connection that is its own."""
        if self._opened is not None:
            await self._forget(self._opened)
        if self._own_way is not None:
            await self._own_way.aclose()

    async def _open(self) -> _Opened:
        async with self._opening:
            opened = self._opened
            if opened is not None and opened.transport.is_active():
                return opened
            credential = await self._credential()
            sock = await self._socket()
            call = _Call()
            try:
                self._opened = await self._threaded(
                    lambda: _sign_in(sock, self.target, credential, self._limits.connect),
                    call,
                    self._limits.connect * 3,
                    abandon=sock.close,
                )
            except TimeoutError as error:
                raise Unreachable(
                    f"{self.target.name} ({self.target.address} port {self.target.port}) does not let us in in time",
                    vendor="linux",
                ) from error
            self.opened_count += 1
            return self._opened

    async def _socket(self) -> Any:
        target = self.target
        if self._via is not None:
            return await self._via._through(target.address, target.port)
        try:
            return await self._threaded(
                lambda: _connect(target.address, target.port, self._limits.connect), _Call(), self._limits.connect * 2
            )
        except (OSError, TimeoutError) as error:
            raise Unreachable(
                f"{target.name} ({target.address} port {target.port}) does not answer",
                remedy="Check that the host runs and that its sshd can be reached from here, then resume the run.",
                vendor="linux",
            ) from error

    async def _through(self, address: str, port: int) -> Any:
        """A channel to another host, for the connection that goes through this one."""
        opened = await self._open()
        try:
            return await self._threaded(
                lambda: opened.transport.open_channel(
                    "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=self._limits.connect
                ),
                _Call(),
                self._limits.connect + 1,
            )
        except (paramiko.SSHException, EOFError, OSError, TimeoutError) as error:
            raise Unreachable(
                f"{address} port {port} does not answer through {self.target.name}", vendor="linux"
            ) from error

    async def _doubted(self, opened: _Opened) -> None:
        """A call over it failed: it is given up where it has ended, or where nobody else uses it and it may have."""
        if not opened.transport.is_active() or opened.busy <= 1:
            await self._forget(opened)

    async def _forget(self, opened: _Opened) -> None:
        if self._opened is opened:
            self._opened = None
        with contextlib.suppress(TimeoutError):  # a connection that does not close has ended all the same
            await self._threaded(opened.transport.close, _Call(), 5.0)

    async def _prepared(self, command: Command) -> tuple[bytes, bytes]:
        if not (command.root and self.sudo and self._password is not None):
            return command.line(sudo=self.sudo), command.stdin
        secret = await self._password()
        return command.line(sudo=True, password=True), secret + b"\n" + command.stdin

    async def _threaded(
        self, work: Callable[[], T], call: _Call, timeout: float, *, abandon: Callable[[], object] | None = None
    ) -> T:
        """Work in a thread; when whoever waits is cancelled or out of patience, its channel is closed and it ends."""
        context = contextvars.copy_context()  # with the effect's deadline
        future = asyncio.get_running_loop().run_in_executor(self._executor, lambda: context.run(work))
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.shield(future)
        except (asyncio.CancelledError, TimeoutError):
            call.close()
            if abandon is not None:
                abandon()
            future.add_done_callback(_seen)
            raise

    def _doubt(self, command: Command) -> InDoubt:
        return InDoubt(f"{self.target.name}: {command.program} was sent and how it ended is not known", vendor="linux")


class _Full(Exception):
    """More output than the limit."""


def _seen(future: asyncio.Future[Any]) -> None:
    """Nobody waits for it any more; its error is taken note of, so that no complaint about it is logged."""
    if not future.cancelled():
        future.exception()


# --- in threads -------------------------------------------------------------------------------------------------------


def _connect(address: str, port: int, timeout: float) -> socket.socket:
    sock = socket.create_connection((address, port), timeout=timeout)
    # Without it every command waits for a delayed acknowledgement: 20 a second instead of 200.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _sign_in(sock: Any, target: Target, credential: Credential, timeout: float) -> _Opened:
    try:
        transport = _Transport(sock, target.known)
    except BaseException:
        sock.close()
        raise
    try:
        transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = timeout
        transport.start_client(timeout=timeout)
        if not transport.presented:  # paramiko says nothing when the time is over
            raise paramiko.SSHException("no keys were exchanged in time")
        target.known.verify(transport.presented)
        _authenticate(transport, target.account, credential)
        if not transport.is_authenticated():
            raise SignInFailed(
                f"{target.name} wants more than the key of {target.account}",
                remedy="Let the responder's key alone suffice for this account (AuthenticationMethods publickey).",
                vendor="linux",
            )
    except paramiko.AuthenticationException as error:
        transport.close()
        raise SignInFailed(
            f"{target.name} does not let {target.account} in with the key of the vault ({credential.fingerprint})",
            remedy="Put the public key, or the authority of its certificate, on the host; or correct the vault's entry.",
            vendor="linux",
        ) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        transport.close()
        raise Unreachable(
            f"{target.name} ({target.address} port {target.port}) broke off while signing in", vendor="linux"
        ) from error
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(30)
    presented = transport.presented
    return _Opened(
        transport,
        Login(
            credential.fingerprint,
            fingerprint(presented),
            b"-cert-v01" in presented[4 : 4 + int.from_bytes(presented[:4])],
        ),
    )


def _authenticate(transport: Any, account: str, credential: Credential) -> None:
    if credential.certified is not None:
        try:
            transport.auth_publickey(account, credential.certified)
        except paramiko.AuthenticationException:
            if not transport.is_active():
                raise
        else:
            return
    transport.auth_publickey(account, credential.key)


def _session(transport: Any, timeout: float) -> Any:
    """A channel. sshd counts a session until its process is collected, a moment after we saw its end: asked again then."""
    until = time.monotonic() + timeout
    pause = 0.005
    while True:
        try:
            return transport.open_session(timeout=timeout)
        except paramiko.ChannelException:
            if time.monotonic() + pause > until:
                raise
            time.sleep(pause)
            pause = min(0.2, pause * 2)


def _begin(transport: Any, call: _Call, line: bytes, stdin: bytes, timeout: float, *, write: bool = False) -> Any:
    channel = _session(transport, min(timeout, 15.0))
    call.adopt(channel)
    channel.settimeout(timeout)
    if write:
        try:
            deadline.check()  # waiting for a thread and a channel may have taken long
        except TenantryError:
            channel.close()
            raise
    call.sent = True
    channel.exec_command(line)
    if stdin:
        channel.sendall(stdin)
    return channel


def _piece(channel: Any) -> bytes:
    while channel.recv_stderr_ready():
        channel.recv_stderr(_PIECE)  # else a full window stops the command
    return bytes(channel.recv(_PIECE))


def _status(channel: Any, timeout: float) -> int:
    if not channel.status_event.wait(timeout):
        raise TimeoutError
    status = channel.recv_exit_status()
    if status < 0:
        raise EOFError  # the connection, or a signal, ended it before it could say how
    return int(status)


def _execute(
    transport: Any, call: _Call, line: bytes, stdin: bytes, timeout: float, limit: int, *, write: bool
) -> Outcome:
    until = time.monotonic() + timeout
    channel = _begin(transport, call, line, stdin, timeout, write=write)
    try:
        pieces: list[bytes] = []
        size = 0
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            channel.settimeout(left)
            piece = channel.recv(_PIECE)
            if not piece:
                break
            size += len(piece)
            if size > limit:
                raise _Full
            pieces.append(piece)
        err = b""
        while (more := channel.recv_stderr(_PIECE)) and time.monotonic() < until:
            err = (err + more)[:_STDERR]
        return Outcome(_status(channel, max(0.0, until - time.monotonic())), b"".join(pieces), err)
    finally:
        channel.close()
