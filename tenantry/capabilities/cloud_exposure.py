"""What of one cloud account lies open to others, or runs what others gave it: ports, start scripts, shared disks, buckets, functions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, SecretStr

from tenantry.capabilities.cloud import PublicAccess


class _Fact(BaseModel):
    """As read from the vendor."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Opening(_Fact):
    """A range of ports that a firewall opens to every address of the world."""

    protocol: str
    """``tcp``, ``udp``, ``icmp`` …, or ``all``."""
    first: int
    last: int
    """Both included; 0 to 65535 for all."""


class Firewall(_Fact):
    """A security group with what it opens to the world."""

    id: str
    region: str
    network: str
    name: str
    openings: tuple[Opening, ...]


class Machine(_Fact):
    """An instance that is there, whatever its state."""

    id: str
    region: str
    usual_region: bool
    """The region stands in the tenant's file."""
    name: str
    kind: str
    """The vendor's size."""
    state: str
    launched_at: datetime
    role: str
    public_ip: str
    groups: tuple[str, ...]
    script: SecretStr
    """What it runs when it starts, as text; empty: nothing. People write passwords into it."""
    metadata_guarded: bool | None
    """Whoever asks for its role's credentials from within must bring a token first (IMDSv2), or they are not given out at all; None: not
    said."""


class SharedDisk(_Fact):
    """A snapshot or image, and whom it is shared with."""

    id: str
    kind: Literal["snapshot", "image", "database"]
    region: str
    account: str
    """Whose it is."""
    name: str
    created_at: datetime | None
    shared_with: tuple[str, ...]
    """Accounts (or ids of organisations) that may copy it, sorted; ``all``: everybody."""


class OpenBucket(_Fact):
    """A bucket, and who may get at it."""

    name: str
    region: str
    account: str
    organization: str
    """Of the account; empty: none, or not said."""
    created_at: datetime
    readable: bool
    """False: it may not be read, and nothing below is known."""
    access: PublicAccess
    """Its own guard and the account's together: what one of the two blocks is blocked."""
    policy: dict[str, Any] | None
    public_lists: tuple[str, ...]
    """Rights that its access control list gives to everybody."""
    versioning: Literal["on", "suspended", "never"]
    expires_days: int | None
    """After how many days everything in it is deleted; None: it stays."""


class CloudFunction(_Fact):
    """Code that the vendor runs."""

    id: str
    """Its resource name."""
    region: str
    account: str
    organization: str
    """As in :class:`OpenBucket`."""
    name: str
    changed_at: datetime | None
    role: str
    layers: tuple[str, ...]
    """Resource names of what it loads besides its own code."""
    policy: dict[str, Any] | None
    """Who may call it, as a policy document; None: nobody from outside."""


@runtime_checkable
class CloudExposure(Protocol):
    """Provider contract. Machines, firewalls and their disks are looked for in every region that the account has enabled, because an
    attacker works where nobody looks; the rest in the regions of the tenant's file."""

    def firewalls(self) -> AsyncIterator[Firewall]:
        """Those that open something to the world."""
        ...

    def machines(self) -> AsyncIterator[Machine]:
        """Terminated ones as long as the vendor lists them; without their scripts, which are gone."""
        ...

    def disks(self) -> AsyncIterator[SharedDisk]:
        """The account's own snapshots and images; shared or not."""
        ...

    def buckets(self) -> AsyncIterator[OpenBucket]: ...

    def functions(self) -> AsyncIterator[CloudFunction]: ...

    async def serial_consoles(self) -> tuple[str, ...]:
        """Regions in which instances' serial consoles may be opened."""
        ...
