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
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import paramiko

from integrations.linux import wire
from integrations.linux.command import Command, Outcome
from integrations.linux.wire import Call, Credential, Full, Login, Opened, Target
from tenantry import deadline
from tenantry.errors import (
    InDoubt,
    PermissionMissing,
    Rejected,
    SignInFailed,
    TargetNotFound,
    Unreachable,
    VendorFault,
)

__all__ = ["Connection", "Credential", "Limits", "Login", "Target"]

T = TypeVar("T")


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


class Connection:
    """To one host, for one tenant.

    Args:
        target: where, and who it must be.
        credential: asked for at each sign-in, out of the vault.
        password: sudo's, likewise; None where sudo asks for none.
        executor: threads of the provider.
        via: the connection of the jump host.
        anew: as ``credential``, past what was kept of it: asked for where the host refuses one that was exchanged since.
    """

    def __init__(
        self,
        target: Target,
        credential: Callable[[], Awaitable[Credential]],
        executor: Executor,
        *,
        anew: Callable[[], Awaitable[Credential]] | None = None,
        password: Callable[[], Awaitable[bytes]] | None = None,
        via: Connection | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.target = target
        self._credential = credential
        self._anew = anew
        self._password = password
        self._executor = executor
        self._via = via
        self._limits = limits or Limits()
        self._opening = asyncio.Lock()
        self._channels = asyncio.Semaphore(self._limits.channels)
        self._streams = asyncio.Semaphore(max(1, self._limits.channels - 1))
        """Whoever reads a stream may ask something else meanwhile: one channel is always left for that."""
        self._opened: Opened | None = None
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
                call = Call()
                if write:
                    deadline.check()
                opened.busy += 1
                try:
                    work = functools.partial(
                        wire.execute, opened.transport, call, line, stdin, timeout, self._limits.output, write=write
                    )
                    return await self._threaded(work, call, timeout + 1.0)
                except Full:
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

    async def stream(self, command: Command, *, timeout: float | None = None) -> AsyncGenerator[bytes, None]:
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
            call = Call()
            opened.busy += 1
            try:
                begun = functools.partial(wire.begin, opened.transport, call, line, stdin, limit)
                channel = await self._threaded(begun, call, limit + 1)
                while piece := await self._threaded(lambda: wire.piece(channel), call, limit + 1):
                    yield piece
                status = await self._threaded(lambda: wire.status(channel, limit), call, limit + 1)
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
        call = Call()
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
        call = Call()

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

    async def session(self, timeout: float) -> Any:
        """An SFTP client for many calls, which the caller makes in a thread and closes; it ends with the connection.

        Args:
            timeout: seconds without any answer.

        Raises:
            VendorFault: the host has no SFTP, or it broke off; Unreachable, SignInFailed.
        """
        opened = await self._open()
        call = Call()

        def inside() -> Any:
            client = paramiko.SFTPClient.from_transport(opened.transport)
            if client is None:
                raise paramiko.SSHException("no sftp")
            call.adopt(client.get_channel())
            client.get_channel().settimeout(timeout)
            return client

        try:
            return await self._threaded(inside, call, timeout + 1)
        except (paramiko.SSHException, EOFError, OSError, TimeoutError) as error:
            await self._doubted(opened)
            raise VendorFault(f"{self.target.name}: sftp broke off", vendor="linux") from error

    # --- the connection -----------------------------------------------------------------------------------------------

    async def fresh(self) -> Connection:
        """Another connection to the same host, with nothing in common with this one. The caller closes it."""
        via = await self._via.fresh() if self._via is not None else None
        other = Connection(
            self.target,
            self._credential,
            self._executor,
            anew=self._anew,
            password=self._password,
            via=via,
            limits=self._limits,
        )
        other._own_way = via
        try:
            await other.login()
        except BaseException:
            await other.aclose()
            raise
        return other

    def like(
        self,
        *,
        credential: Callable[[], Awaitable[Credential]] | None = None,
        password: Callable[[], Awaitable[bytes]] | None = None,
    ) -> Connection:
        """To the same host in the same way, with another key or another password for sudo; not opened yet. The caller closes it."""
        return Connection(
            self.target,
            credential or self._credential,
            self._executor,
            anew=self._anew if credential is None else None,
            password=password or self._password,
            via=self._via,
            limits=self._limits,
        )

    async def aclose(self) -> None:
        """Close it, and a jump host's connection that is its own."""
        if self._opened is not None:
            await self._forget(self._opened)
        if self._own_way is not None:
            await self._own_way.aclose()

    async def _open(self) -> Opened:
        async with self._opening:
            opened = self._opened
            if opened is not None and opened.transport.is_active():
                return opened
            credential = await self._credential()
            try:
                self._opened = await self._signed_in(credential)
            except SignInFailed:
                other = None if self._anew is None else await self._anew()
                if other is None or other.fingerprint == credential.fingerprint:
                    raise
                self._opened = await self._signed_in(other)
            self.opened_count += 1
            return self._opened

    async def _signed_in(self, credential: Credential) -> Opened:
        sock = await self._socket()
        try:
            return await self._threaded(
                lambda: wire.sign_in(sock, self.target, credential, self._limits.connect),
                Call(),
                self._limits.connect * 3,
                abandon=sock.close,
            )
        except TimeoutError as error:
            raise Unreachable(
                f"{self.target.name} ({self.target.address} port {self.target.port}) does not let us in in time",
                vendor="linux",
            ) from error

    async def _socket(self) -> Any:
        target = self.target
        if self._via is not None:
            return await self._via._through(target.address, target.port)
        try:
            return await self._threaded(
                lambda: wire.connect(target.address, target.port, self._limits.connect),
                Call(),
                self._limits.connect * 2,
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
                Call(),
                self._limits.connect + 1,
            )
        except (paramiko.SSHException, EOFError, OSError, TimeoutError) as error:
            raise Unreachable(
                f"{address} port {port} does not answer through {self.target.name}", vendor="linux"
            ) from error

    async def _doubted(self, opened: Opened) -> None:
        """A call over it failed: it is given up where it has ended, or where nobody else uses it and it may have."""
        if not opened.transport.is_active() or opened.busy <= 1:
            await self._forget(opened)

    async def _forget(self, opened: Opened) -> None:
        if self._opened is opened:
            self._opened = None
        with contextlib.suppress(TimeoutError):  # a connection that does not close has ended all the same
            await self._threaded(opened.transport.close, Call(), 5.0)

    async def _prepared(self, command: Command) -> tuple[bytes, bytes]:
        if command.asks and self.sudo and self._password is not None:
            whole = await self._password() + b"\n" + command.stdin
            return replace(command, stdin=whole).line(sudo=True), whole
        if not (command.root and self.sudo and self._password is not None):
            return command.line(sudo=self.sudo), command.stdin
        secret = await self._password()
        return command.line(sudo=True, password=True), secret + b"\n" + command.stdin

    async def _threaded(
        self, work: Callable[[], T], call: Call, timeout: float, *, abandon: Callable[[], object] | None = None
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


def _seen(future: asyncio.Future[Any]) -> None:
    """Nobody waits for it any more; its error is taken note of, so that no complaint about it is logged."""
    if not future.cancelled():
        future.exception()
