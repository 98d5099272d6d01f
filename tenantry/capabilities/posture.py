"""How a Linux host is set up: one reading, for the questions of a baseline. Nothing in it is a secret, and no password's hash is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from tenantry.capabilities.host_facts import HostAccount, HostFile, HostRef
from tenantry.errors import CannotCheck

__all__ = ["POSTURE_PARTS", "FirewallHook", "HostPosture", "Listener", "Mount", "Posture", "Sshd", "Unit"]

POSTURE_PARTS: Final = (
    "accounts",
    "sshd",
    "kernel",
    "mounts",
    "files",
    "contents",
    "loose",
    "units",
    "listeners",
    "packages",
    "firewall",
    "confinement",
    "clock",
)
"""What a posture consists of; each is read whole, in part, or not at all (:attr:`HostPosture.unread`)."""


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sshd(_Fact):
    """One server's settings in effect, as ``sshd -T`` prints them; sshd_config(5)."""

    file: str
    """Its settings' file, where it is started with one of its own; empty: the usual one."""
    settings: Mapping[str, tuple[str, ...]]
    """Keyword in lower case → its values, a repeated keyword's together."""


class Mount(_Fact):
    path: str
    kind: str
    options: frozenset[str]


class Listener(_Fact):
    """Something that waits for connections."""

    protocol: Literal["tcp", "udp"]
    address: str
    """``0.0.0.0`` and ``::`` are every address of its family; ``*`` is every address there is."""
    port: int
    program: str = ""

    @property
    def local(self) -> bool:
        """Only the host itself gets there."""
        return self.address.startswith("127.") or self.address == "::1"


class Unit(_Fact):
    """A unit of systemd that has a file."""

    id: str
    enabled: str
    """As ``systemctl list-unit-files`` says: enabled, disabled, static, masked …"""
    active: bool


class FirewallHook(_Fact):
    """A base chain of nftables that packets to the host pass."""

    family: str
    table: str
    chain: str
    refuses: bool
    """What no rule lets in is dropped or rejected: by its policy, or by a last rule without a condition."""


class HostPosture(_Fact):
    """One host.

    Attributes:
        release: os-release(5), key → value.
        kernel: dotted name as of sysctl(8) → value; what this kernel has not is not there.
        files: of the places whose rights matter; a link is told as what it leads to.
        contents: path → text of settings that are small.
        loose: files and folders that anybody may write to, and such that belong to nobody, outside of the usual places.
        confinement: security module → whether it enforces (``apparmor``, ``selinux``).
        synchronised: the kernel says that its clock is; None: it does not say.
        unread: part → why it could not be read, whole or in part.
    """

    host: str
    release: Mapping[str, str]
    manager: Literal["systemd", "other"]
    responder_account: str
    reboot_required: bool = False
    accounts: tuple[HostAccount, ...] = ()
    sshd: tuple[Sshd, ...] = ()
    kernel: Mapping[str, str] = {}
    mounts: tuple[Mount, ...] = ()
    files: Mapping[str, HostFile] = {}
    contents: Mapping[str, str] = {}
    loose: tuple[HostFile, ...] = ()
    units: Mapping[str, Unit] = {}
    listeners: tuple[Listener, ...] = ()
    packages: frozenset[str] = frozenset()
    firewall: tuple[FirewallHook, ...] = ()
    confinement: Mapping[str, bool] = {}
    synchronised: bool | None = None
    unread: Mapping[str, str] = {}

    def have(self, *parts: str) -> HostPosture:
        """Itself, where these parts were read whole.

        Raises:
            CannotCheck: they were not.
        """
        for part in parts:
            if part in self.unread:
                raise CannotCheck(f"{self.host}: {self.unread[part]}")
        return self

    def runs(self, *names: str) -> bool:
        """Whether one of these services is active."""
        return any(unit.active for name in names if (unit := self.units.get(f"{name}.service")) is not None)

    def settings(self, *paths: str) -> list[tuple[str, str]]:
        """(path, line) of these files, and of files in these folders where a path ends in ``/``, in the order in which they are read, without
        comments and empty lines; a line that goes on in the next is one."""
        wanted = [
            name
            for path in paths
            for name in sorted(self.contents)
            if name == path or (path.endswith("/") and name.startswith(path) and "/" not in name[len(path) :])
        ]
        return [
            (name, line)
            for name in wanted
            for raw in self.contents[name].replace("\\\n", " ").splitlines()
            if (line := raw.split("#", 1)[0].strip())
        ]


@runtime_checkable
class Posture(Protocol):
    """Provider contract; hosts are those of :class:`tenantry.capabilities.Host`."""

    async def posture_hosts(self) -> Sequence[HostRef]:
        """Every host of the tenant. Signs in nowhere."""
        ...

    async def posture(self, host: str) -> HostPosture:
        """How it is set up. Raises only where it cannot be reached or lets us not in; a part that cannot be read is named in it."""
        ...
