"""What a look over a whole host finds where intruders stay: one reading, for many questions.

Everything is as the host shows it. An intruder who is root can show anything, so a survey proves that something is there and
never that nothing is; that is also why it is compared with what packages own and with what the kernel says of itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from tenantry.capabilities.host_facts import (
    AuthorizedKey,
    CronEntry,
    HostAccount,
    HostConnection,
    Process,
)

__all__ = [
    "PARTS",
    "Altered",
    "BootFile",
    "HostSurvey",
    "KernelModule",
    "LoginRecord",
    "PlacedFile",
    "PrivilegedFile",
    "Records",
]

PARTS: Final = (
    "accounts",
    "keys",
    "files",
    "owners",
    "privileged",
    "capabilities",
    "altered",
    "processes",
    "hidden",
    "connections",
    "kernel",
    "pinned",
    "boot",
    "records",
    "packages",
)
"""What a survey consists of; each is read whole, in part, or not at all (:attr:`HostSurvey.unread`)."""


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlacedFile(_Fact):
    """A file, or a link, in a place from which something is started or that says what is."""

    area: str
    """Kind of place: ``sudoers``, ``cron``, ``unit``, ``profile`` …"""
    path: str
    account: str = ""
    """Whose home it lies in; empty: the system's."""
    mode: int
    uid: int
    changed_at: datetime
    """ctime: cannot be set back by touch(1)."""
    target: str = ""
    """Where a link leads, resolved as far as it says."""
    content: str | None = None
    """As text; of a link what it leads to. None: larger than what is read, or not there."""


class PrivilegedFile(_Fact):
    """A program that gives more rights than its caller has."""

    path: str
    kind: Literal["suid", "sgid", "capabilities"]
    uid: int = 0
    capabilities: str = ""
    """As getcap(8) shows them."""
    changed_at: datetime | None = None


class Altered(_Fact):
    """A program, library or unit whose content is not what its package installed."""

    path: str
    package: str = ""


class KernelModule(_Fact):
    name: str
    listed: bool
    """In /proc/modules. One that only sysfs knows hides itself."""
    taints: str = ""
    """Letters as the kernel gives them: O out of the tree, E unsigned, F forced."""
    on_disk: bool = True
    """The modules of this kernel have a file of that name."""


class BootFile(_Fact):
    path: str
    changed_at: datetime


class LoginRecord(_Fact):
    """Something about wtmp or another record of logins that does not happen by itself."""

    path: str
    kind: Literal["zeroed", "backwards", "linked_away", "broken", "forgotten"]
    count: int = 1
    at: datetime | None = None
    """Of the last sound entry before it."""


class Records(_Fact):
    """What became of the records of logins."""

    odd: tuple[LoginRecord, ...] = ()
    entries: int = 0


class HostSurvey(_Fact):
    """One host.

    Attributes:
        unread: part → why it could not be read, whole or in part. What is there of it is true all the same.
        owners: path → the package that it belongs to; only of paths that matter here.
        hidden: process ids that answer and are not listed, and such whose folder in /proc something was mounted over.
    """

    host: str
    system: str
    kernel: str
    manager: Literal["systemd", "other"]
    responder_account: str
    responder_key: str | None
    accounts: tuple[HostAccount, ...] = ()
    keys: tuple[AuthorizedKey, ...] = ()
    cron: tuple[CronEntry, ...] = ()
    files: tuple[PlacedFile, ...] = ()
    owners: Mapping[str, str] = {}
    privileged: tuple[PrivilegedFile, ...] = ()
    altered: tuple[Altered, ...] = ()
    processes: tuple[Process, ...] = ()
    hidden: tuple[int, ...] = ()
    connections: tuple[HostConnection, ...] = ()
    taint: int = 0
    """Bits of /proc/sys/kernel/tainted."""
    modules: tuple[KernelModule, ...] = ()
    pinned: tuple[str, ...] = ()
    """Paths under /sys/fs/bpf."""
    boot_line: str = ""
    """What the running kernel was started with."""
    boot: tuple[BootFile, ...] = ()
    packages_changed_at: datetime | None = None
    """When the database of packages was written last."""
    records: Records = Records()
    packages: tuple[str, ...] = ()
    unread: Mapping[str, str] = {}

    def owner(self, path: str) -> str | None:
        """The package that a path belongs to, under either name of a merged /usr."""
        other = path.removeprefix("/usr") if path.startswith("/usr/") else "/usr" + path
        return self.owners.get(path) or self.owners.get(other)
