"""What runs in the threads of :mod:`integrations.linux.connection`: paramiko, which blocks. Nothing here knows of asyncio."""

from __future__ import annotations

import logging
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

import paramiko

from integrations.linux.command import Outcome
from integrations.linux.hostkeys import KnownHost, fingerprint
from tenantry import deadline
from tenantry.errors import SignInFailed, TenantryError, Unreachable

__all__ = [
    "Call",
    "Credential",
    "Full",
    "Login",
    "Opened",
    "Target",
    "Transport",
    "begin",
    "connect",
    "execute",
    "piece",
    "sign_in",
    "status",
]

# Every error of paramiko's becomes one of ours; what it would log besides is what a host said, which may be anything.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

_PIECE: Final = 65_536
_STDERR: Final = 16_384
"""Bytes of a command's messages that are kept; none of them is ever shown, some are looked at."""


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
    presented: bytes = field(default=b"", repr=False)
    """The host's key or certificate itself."""
    certified: bool = False
    """Our certificate let us in, not the key alone."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A private key, with its certificate where there is one; only in memory, and only while signing in."""

    key: paramiko.PKey
    certified: paramiko.PKey | None = None
    """The same key with its certificate; tried first, since a jump host may know only the key."""
    alone: bool = False
    """The certificate or nothing: whether it is good is what is asked."""
    apart: bool = False
    """The certificate is a secret of its own, not part of the key's."""

    @property
    def fingerprint(self) -> str:
        """Of the public key, as authorized_keys would show it."""
        return fingerprint(self.key.asbytes())


class Transport(paramiko.Transport):  # type: ignore[misc]  # paramiko has no types
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


class Call:
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
class Opened:
    transport: Transport
    login: Login
    busy: int = 0
    """Calls under way."""


class Full(Exception):
    """More output than the limit."""


def connect(address: str, port: int, timeout: float) -> socket.socket:
    sock = socket.create_connection((address, port), timeout=timeout)
    # Without it every command waits for a delayed acknowledgement: 20 a second instead of 200.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def sign_in(sock: Any, target: Target, credential: Credential, timeout: float) -> Opened:
    try:
        transport = Transport(sock, target.known)
    except BaseException:
        sock.close()
        raise
    try:
        transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = timeout
        transport.start_client(timeout=timeout)
        if not transport.presented:  # paramiko says nothing when the time is over
            raise paramiko.SSHException("no keys were exchanged in time")
        target.known.verify(transport.presented)
        certified = _authenticate(transport, target.account, credential)
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
            refused=True,
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
    return Opened(
        transport,
        Login(
            credential.fingerprint,
            fingerprint(presented),
            b"-cert-v01" in presented[4 : 4 + int.from_bytes(presented[:4])],
            presented,
            certified,
        ),
    )


def _authenticate(transport: Any, account: str, credential: Credential) -> bool:
    """Whether it was the certificate that let us in."""
    if credential.certified is not None:
        try:
            transport.auth_publickey(account, credential.certified)
        except paramiko.AuthenticationException:
            if credential.alone or not transport.is_active():
                raise
        else:
            return True
    transport.auth_publickey(account, credential.key)
    return False


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


def begin(transport: Any, call: Call, line: bytes, stdin: bytes, timeout: float, *, write: bool = False) -> Any:
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


def piece(channel: Any) -> bytes:
    while channel.recv_stderr_ready():
        channel.recv_stderr(_PIECE)  # else a full window stops the command
    return bytes(channel.recv(_PIECE))


def status(channel: Any, timeout: float) -> int:
    if not channel.status_event.wait(timeout):
        raise TimeoutError
    status = channel.recv_exit_status()
    if status < 0:
        raise EOFError  # the connection, or a signal, ended it before it could say how
    return int(status)


def execute(
    transport: Any, call: Call, line: bytes, stdin: bytes, timeout: float, limit: int, *, write: bool
) -> Outcome:
    until = time.monotonic() + timeout
    channel = begin(transport, call, line, stdin, timeout, write=write)
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
                raise Full
            pieces.append(piece)
        err = b""
        while (more := channel.recv_stderr(_PIECE)) and time.monotonic() < until:
            err = (err + more)[:_STDERR]
        return Outcome(status(channel, max(0.0, until - time.monotonic())), b"".join(pieces), err)
    finally:
        channel.close()
