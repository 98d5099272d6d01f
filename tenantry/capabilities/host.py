"""Linux hosts of one tenant: what is on them, who gets in, what was left behind, and how they are cut off.

A host is known by the name that the tenant's file gives it. Ids of what is on it are the host's own: an account's name, a
unit's name, the path of a file. Paths are bytes on a host and text here: see :func:`path_text`.

Reads change nothing on the host and leave nothing behind. What an intruder could have made (file names, arguments of
processes, comments of keys) comes as it is and is never trusted.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from tenantry.errors import InvalidInput

if TYPE_CHECKING:
    from tenantry.capabilities.host_survey import HostSurvey

__all__ = [
    "QUARANTINE",
    "AuthorizedKey",
    "CronEntry",
    "Host",
    "HostAccount",
    "HostConnection",
    "HostFacts",
    "HostFile",
    "HostLogin",
    "HostRef",
    "HostSession",
    "HostUnit",
    "Isolation",
    "Package",
    "Process",
    "Update",
    "path_bytes",
    "path_text",
]

QUARANTINE: Final = "#tenantry-quarantined "
"""What stands before a line that was taken out of force: a comment to sshd and to cron, and easily given back."""

_ESCAPED: Final = re.compile(r"\\(\\|x[0-9a-f]{2})")


def path_text(path: bytes) -> str:
    """A host's bytes as text, reversibly: UTF-8 as it is, ``\\`` for a backslash, ``\\xff`` for a byte that is not UTF-8."""
    text = path.replace(b"\\", b"\\\\").decode("utf-8", "surrogateescape")
    return re.sub("[\udc80-\udcff]", lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)


def path_bytes(text: str) -> bytes:
    """The bytes that :func:`path_text` gave as this text.

    Raises:
        InvalidInput: a lone backslash, or half of a surrogate pair: no path was ever written so.
    """
    if "\\" in _ESCAPED.sub("", text):
        raise InvalidInput("a backslash in a path is written twice, and a byte that is not UTF-8 as \\x and two digits")
    parts, last = [], 0
    try:
        for found in _ESCAPED.finditer(text):
            parts.append(text[last : found.start()].encode())
            parts.append(b"\\" if found[1] == "\\" else bytes.fromhex(found[1][1:]))
            last = found.end()
        return b"".join([*parts, text[last:].encode()])
    except UnicodeEncodeError:
        raise InvalidInput("a path has half of a surrogate pair in it") from None


class _Fact(BaseModel):
    """As read from the host."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class HostRef(_Fact):
    id: str
    """Name in the tenant's file."""
    address: str
    gateway: bool = False
    """Others are reached through it: cutting it off cuts the way to them."""


class HostFacts(_Fact):
    id: str
    hostname: str
    machine_id: str
    boot_id: str
    system: str
    """``PRETTY_NAME`` of os-release(5)."""
    kernel: str
    architecture: str
    booted_at: datetime
    clock_skew: float
    """Seconds by which the host's clock is ahead of ours; half of the call's own time is its error."""
    addresses: tuple[str, ...]
    manager: Literal["systemd", "other"]
    """What runs as process 1; without systemd no unit is active."""
    responder_account: str
    """The account that we are signed in as."""
    responder_address: str
    """Where the host sees us come from."""
    responder_key: str | None
    """Fingerprint of the key that we signed in with."""
    reboot_required: bool
    package_lists_at: datetime | None
    """When the host last asked which packages there are: what came since is not among its pending updates."""


class HostAccount(_Fact):
    id: str
    """Name."""
    uid: int
    gid: int
    home: str
    shell: str
    groups: tuple[str, ...]
    privileged: bool
    """uid 0, or in a group that commonly administers (root, sudo, wheel, admin, adm is not one of them)."""
    password: Literal["set", "locked", "none", "unknown"]
    """As ``passwd -S`` says: P, L, NP."""
    expires: date | None

    def open(self, on: date) -> bool:
        """Whether the account itself lets anybody in that day, by whatever means."""
        shut = self.shell.rsplit("/", 1)[-1] in {"nologin", "false", "sync", "shutdown", "halt"}
        return not shut and (self.expires is None or self.expires > on)


class HostSession(_Fact):
    id: str
    """Process id of the session's leader."""
    account: str
    terminal: str
    origin: str
    """Address; empty when it is local."""
    since: datetime | None


class HostLogin(_Fact):
    """An entry of sshd's log."""

    id: str
    at: datetime
    account: str
    origin: str
    method: str
    """``publickey``, ``password`` …"""
    key: str | None
    """Fingerprint."""
    success: bool
    raw: str


class AuthorizedKey(_Fact):
    id: str
    """``<path>#<fingerprint>``."""
    account: str
    path: str
    fingerprint: str
    """``SHA256:…``."""
    kind: str
    comment: str
    options: str
    enabled: bool
    line: str
    """The line without its quarantine mark, written as a path is."""
    file_sha256: str
    file_changed_at: datetime
    """ctime: cannot be set back by touch(1)."""


class HostUnit(_Fact):
    id: str
    """``name.service``, ``name.timer`` …"""
    enabled: str
    """``systemctl is-enabled``: enabled, disabled, masked, static …"""
    active: str
    """``systemctl is-active``; ``unknown`` where systemd does not run."""
    path: str
    command: str
    """ExecStart, as the file has it."""
    sha256: str | None
    changed_at: datetime | None
    package: str | None
    """Which package the file belongs to; None: nobody's."""


class CronEntry(_Fact):
    id: str
    """``<path>#<first half of the line's SHA-256>``; for a script its path."""
    kind: Literal["line", "script"]
    account: str
    path: str
    schedule: str
    command: str
    enabled: bool
    line: str
    """Without its quarantine mark, written as a path is; a script has none."""
    file_changed_at: datetime
    package: str | None


class Process(_Fact):
    id: str
    """``<pid>:<start time in ticks since boot>``: a number that is used again is another process."""
    pid: int
    parent: int
    account: str
    uid: int
    state: str
    """One letter, proc(5): T is stopped."""
    name: str
    executable: str
    """Empty for the kernel's own, and where it may not be read."""
    deleted: bool
    """The file that it runs from is gone: an upgrade, or somebody hiding."""
    arguments: tuple[str, ...]
    started_at: datetime


class HostConnection(_Fact):
    protocol: str
    state: str
    local: str
    remote: str
    """Address without port; empty when it listens."""
    remote_port: int
    pids: tuple[int, ...]


class Package(_Fact):
    id: str
    version: str
    architecture: str


class Update(_Fact):
    id: str
    """The package's name."""
    present: str
    offered: str
    security: bool


class HostFile(_Fact):
    path: str
    kind: Literal["file", "folder", "link", "other"]
    size: int
    mode: int
    """Permission bits."""
    uid: int
    gid: int
    modified_at: datetime
    changed_at: datetime
    sha256: str | None
    """None for what is no file, and for a file that could not be read."""
    target: str = ""
    """Where a link leads."""


class Isolation(_Fact):
    active: bool
    confirmed: bool
    """Once it is, nothing rolls it back by itself."""
    allowed: tuple[str, ...]
    """Addresses that still get through, in order."""


@runtime_checkable
class Host(Protocol):
    """Provider contract. ``host`` is a name out of :meth:`hosts`; any other raises TargetNotFound, always before anything
    is sent. Writes are repeat-safe: what is so already stays so."""

    async def hosts(self) -> Sequence[HostRef]:
        """Every host of the tenant. Signs in nowhere."""
        ...

    # --- reads --------------------------------------------------------------------------------------------------------

    async def facts(self, host: str) -> HostFacts: ...

    async def accounts(self, host: str) -> Sequence[HostAccount]: ...

    async def sessions(self, host: str) -> Sequence[HostSession]:
        """Who is on it now, over ssh."""
        ...

    def logins(self, host: str, since: datetime) -> AsyncIterator[HostLogin]:
        """sshd's log, oldest first; as far as the host keeps it."""
        ...

    async def authorized_keys(self, host: str) -> Sequence[AuthorizedKey]:
        """Of every account, those in quarantine too."""
        ...

    async def units(self, host: str) -> Sequence[HostUnit]:
        """Services, timers, sockets and paths of the system that have a file."""
        ...

    async def cron(self, host: str) -> Sequence[CronEntry]:
        """Of system and accounts, those in quarantine too."""
        ...

    async def processes(self, host: str) -> Sequence[Process]: ...

    async def connections(self, host: str) -> Sequence[HostConnection]: ...

    async def packages(self, host: str) -> Sequence[Package]: ...

    async def updates(self, host: str) -> Sequence[Update]:
        """Pending ones, as the host's package lists know them now."""
        ...

    def files(self, host: str, paths: Sequence[str]) -> AsyncIterator[HostFile]:
        """These and everything below them, on the same file system, with hashes; streamed. What is not there is left out."""
        ...

    def read_file(self, host: str, path: str) -> AsyncIterator[bytes]:
        """The content, in pieces. Raises TargetNotFound."""
        ...

    async def volatile_sources(self, host: str) -> Sequence[str]:
        """What :meth:`volatile` can read, the most fleeting first (RFC 3227 section 2.1)."""
        ...

    def volatile(self, host: str, source: str) -> AsyncIterator[bytes]:
        """One of :meth:`volatile_sources` as it is now, in pieces. Raises TargetNotFound for another."""
        ...

    def process_image(self, host: str, process: str, part: Literal["executable", "maps"]) -> AsyncIterator[bytes]:
        """What a process was started from, also when its file is gone, or its memory map. Raises TargetNotFound."""
        ...

    async def isolation(self, host: str) -> Isolation: ...

    async def survey(self, host: str) -> HostSurvey:
        """Where intruders stay, in one look over the whole host; :mod:`tenantry.capabilities.host_survey`. Takes seconds, on a host
        with millions of files minutes. A part that cannot be read is named in it and fails nothing else."""
        ...

    async def reaches(self, host: str, other: str) -> bool:
        """Whether ``host`` can open a connection to the ssh port of ``other``: a look from elsewhere."""
        ...

    # --- writes -------------------------------------------------------------------------------------------------------

    async def lock_account(self, host: str, account: str) -> None:
        """No password and no key lets it in any more."""
        ...

    async def unlock_account(self, host: str, account: str, *, password: bool, expires: date | None) -> None:
        """The reverse. ``password``: its password was not locked before."""
        ...

    async def end_sessions(self, host: str, account: str) -> None:
        """Ends every process of the account."""
        ...

    async def set_key_enabled(self, host: str, key: AuthorizedKey, enabled: bool) -> None:
        """In quarantine a key lets nobody in; its line stays where it was, as a comment. Absent counts as not enabled."""
        ...

    async def set_unit_enabled(self, host: str, unit: HostUnit, enabled: bool) -> None:
        """False: stopped, disabled and masked, its file moved aside; true: what ``unit`` says it was."""
        ...

    async def set_cron_enabled(self, host: str, entry: CronEntry, enabled: bool) -> None:
        """A line becomes a comment, a script is no longer executable."""
        ...

    async def signal(self, host: str, process: str, kind: Literal["stop", "continue", "kill"]) -> None:
        """Only to this very process; gone counts as killed. Raises TargetNotFound for the others when it is gone."""
        ...

    async def install_updates(self, host: str, updates: Sequence[Update]) -> None:
        """Begins to install exactly these versions, nothing else new, nothing removed; it goes on by itself, and
        :meth:`updates` shows when it is done. While one is under way another does nothing."""
        ...

    async def isolate(self, host: str, allowed: Sequence[str]) -> None:
        """Nobody but us and the ``allowed`` addresses gets in or out. Done only when we got in anew; where we do not, the
        host takes it back by itself."""
        ...

    async def release(self, host: str) -> None:
        """The isolation is gone, with whatever would have rolled it back."""
        ...
