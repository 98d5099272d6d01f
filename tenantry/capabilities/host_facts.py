"""What is on a Linux host: the facts that the capability `host` speaks in.

A host is known by the name that the tenant's file gives it. Ids of what is on it are the host's own: an account's name, a
unit's name, the path of a file. Paths are bytes on a host and text here: see :func:`path_text`.

Reads change nothing on the host and leave nothing behind. What an intruder could have made (file names, arguments of
processes, comments of keys) comes as it is and is never trusted.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from tenantry.errors import InvalidInput

__all__ = [
    "QUARANTINE",
    "UNIT_ASIDE",
    "AuthorizedKey",
    "CronEntry",
    "HostAccount",
    "HostConnection",
    "HostFacts",
    "HostFile",
    "HostLogin",
    "HostRef",
    "HostSession",
    "HostUnit",
    "Isolation",
    "OtherWayIn",
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

    def by_password(self, on: date) -> bool:
        """Whether somebody who knows, or guesses, a password gets in as this account."""
        return self.password in ("set", "none") and self.open(on)


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


class OtherWayIn(_Fact):
    """What lets people sign in and shows in no list of keys: whom it lets in cannot be told from the host's files."""

    directive: str
    """As sshd_config(5) calls it: AuthorizedKeysCommand, TrustedUserCAKeys …; ``Include`` for a part of the configuration that could not be read."""
    value: str
    condition: str
    """Of the ``Match`` block in which it stands; empty: always."""
    path: str
    """The file that says so."""


UNIT_ASIDE: Final = "aside"
"""What is said of a unit whose file lies aside while no mask is in its place: whoever was to mask it was cut off in between. A file that is
put there now would be started."""


class HostUnit(_Fact):
    id: str
    """``name.service``, ``name.timer`` …"""
    enabled: str
    """``systemctl is-enabled``: enabled, disabled, masked, static …; or :data:`UNIT_ASIDE`"""
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
