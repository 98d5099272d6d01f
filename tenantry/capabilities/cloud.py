"""Machines, their networks and disks, and what guards the data of one cloud account. Ids are the vendor's own.

Isolation is a security group that lets nothing in and nothing out. Two traps that every provider handles: a new group of AWS allows
all outgoing traffic until that rule is revoked, and connections that are tracked when groups are swapped live on until they end
(https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class _Fact(BaseModel):
    """As read from the vendor. ``raw`` is the vendor's own object, unaltered, for the evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkInterface(_Fact):
    id: str
    network: str
    """The virtual network (VPC) that it is in."""
    groups: tuple[str, ...]
    """Security groups, sorted."""
    private_ip: str
    public_ip: str


class Instance(_Fact):
    id: str
    region: str
    name: str
    state: Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
    kind: str
    """The vendor's size, e.g. ``p3.16xlarge``: what mining likes."""
    image: str
    launched_at: datetime
    role: str
    """Resource name of the instance profile through which it has credentials; empty: none."""
    interfaces: tuple[NetworkInterface, ...]
    volumes: tuple[str, ...]
    tags: dict[str, str]
    raw: dict[str, Any]


class SecurityGroup(_Fact):
    id: str
    region: str
    network: str
    name: str
    ingress: int
    """Number of rules that let something in."""
    egress: int
    """Number of rules that let something out."""
    raw: dict[str, Any]

    @property
    def closed(self) -> bool:
        """Lets nothing in and nothing out."""
        return self.ingress == 0 and self.egress == 0


class Snapshot(_Fact):
    id: str
    region: str
    volume: str
    state: Literal["pending", "completed", "error"]
    started_at: datetime
    token: str
    """What :meth:`Cloud.create_snapshot` was given; empty: made by somebody else."""
    locked_until: datetime | None
    """Nobody, not even the vendor's support, can delete it before then (compliance mode); None: not locked."""
    raw: dict[str, Any]


class PublicAccess(_Fact):
    """What keeps buckets from being opened to everybody (the four switches of S3 Block Public Access)."""

    block_acls: bool
    ignore_acls: bool
    block_policy: bool
    restrict_buckets: bool

    @property
    def blocked(self) -> bool:
        return self.block_acls and self.ignore_acls and self.block_policy and self.restrict_buckets


EVERYTHING_BLOCKED = PublicAccess(block_acls=True, ignore_acls=True, block_policy=True, restrict_buckets=True)


class BackupVault(_Fact):
    """Where the vendor's own backups of the account lie."""

    id: str
    region: str
    name: str
    points: int
    """How many recovery points it holds."""
    locked: bool
    """Nobody deletes from it or shortens what it keeps, whatever its policy says, and nobody can take that away."""
    lock_removable: bool = False
    """It is locked, and who has the rights takes the lock away: an attacker with administrators' rights too."""
    raw: dict[str, Any]


class EncryptionKey(_Fact):
    id: str
    region: str
    state: Literal["enabled", "disabled", "pending_deletion", "other"]
    deletion_at: datetime | None
    """After this nothing that it encrypted can ever be read again; None: not to be deleted."""
    managed_by_customer: bool
    imported: bool = False
    """Its material was brought along: whoever brought it can take it away, and with it whatever was encrypted."""
    expires_at: datetime | None = None
    """When imported material is deleted by itself."""
    raw: dict[str, Any]


@runtime_checkable
class Cloud(Protocol):
    """Provider contract. What is looked up by id is found in every region that the tenant's file names."""

    # --- machines -----------------------------------------------------------------------------------------------------

    def instances(self) -> AsyncIterator[Instance]:
        """Every instance in every configured region, terminated ones as long as the vendor lists them, streamed."""
        ...

    async def instance(self, instance: str) -> Instance:
        """Raises TargetNotFound."""
        ...

    async def set_groups(self, interface: str, groups: Sequence[str]) -> None:
        """The security groups of a network interface, instead of those it has. Connections already tracked live on."""
        ...

    async def tracked(self, instance: str) -> bool:
        """Whether the instance's present groups track connections, so that those already open survive a swap of groups: only
        traffic that rules allow to and from everywhere, on all ports, in both directions, is not tracked."""
        ...

    # --- isolation ----------------------------------------------------------------------------------------------------

    async def security_group(self, group: str) -> SecurityGroup:
        """Raises TargetNotFound."""
        ...

    async def isolation_group(self, region: str, network: str) -> SecurityGroup | None:
        """The group that :meth:`create_isolation_group` made in this network, whatever its rules are now; None: there is none."""
        ...

    async def create_isolation_group(self, region: str, network: str) -> SecurityGroup:
        """Make the group, or close the one that is there: every rule is revoked, the default one for outgoing traffic too, and that
        is read back. Raises VendorFault when it is not closed afterwards."""
        ...

    # --- disks --------------------------------------------------------------------------------------------------------

    def snapshots(self, volume: str | None = None) -> AsyncIterator[Snapshot]:
        """The account's own snapshots, of one volume or of all."""
        ...

    async def snapshot(self, snapshot: str) -> Snapshot:
        """Raises TargetNotFound."""
        ...

    async def snapshot_of(self, volume: str, token: str) -> Snapshot | None:
        """The snapshot that was made with this token; None: none was accepted."""
        ...

    async def create_snapshot(self, volume: str, *, token: str, description: str) -> Snapshot:
        """Snapshots are not idempotent at the vendor, so each carries its token, and one that is there is given back. Raises
        TargetNotFound."""
        ...

    async def delete_snapshot(self, snapshot: str) -> None:
        """Absent counts as deleted. Raises Rejected for a locked one."""
        ...

    async def lock_snapshot(self, snapshot: str, until: datetime) -> None:
        """In compliance mode without a cooling-off period: cannot be taken back. Never shortens a lock."""
        ...

    async def snapshot_shares(self, snapshot: str) -> tuple[str, ...]:
        """Accounts that may make volumes of it, sorted; ``all`` among them: everybody. Raises TargetNotFound."""
        ...

    async def set_snapshot_share(self, snapshot: str, account: str, shared: bool) -> None:
        """Let one account (or ``all``) make volumes of it, or no longer. What it copied before it keeps. Raises TargetNotFound."""
        ...

    # --- guards of data -----------------------------------------------------------------------------------------------

    async def public_access(self, bucket: str | None) -> PublicAccess:
        """Of one bucket, or (None) of the whole account."""
        ...

    async def set_public_access(self, bucket: str | None, access: PublicAccess) -> None: ...

    async def bucket_policy(self, bucket: str) -> dict[str, Any] | None:
        """The policy document; None: there is none."""
        ...

    async def set_bucket_policy(self, bucket: str, document: Mapping[str, Any] | None) -> None:
        """Replaces the whole policy: merge with what is there before. None removes it."""
        ...

    def backup_vaults(self) -> AsyncIterator[BackupVault]: ...

    async def vault_policy(self, vault: str) -> dict[str, Any] | None:
        """The policy document; None: there is none. Raises TargetNotFound."""
        ...

    async def set_vault_policy(self, vault: str, document: Mapping[str, Any] | None) -> None:
        """Replaces the whole policy: merge with what is there before. None removes it."""
        ...

    def encryption_keys(self) -> AsyncIterator[EncryptionKey]: ...

    async def encryption_key(self, key: str) -> EncryptionKey:
        """Raises TargetNotFound."""
        ...

    async def keep_encryption_key(self, key: str) -> None:
        """Call off a scheduled deletion. The key is disabled afterwards, as the vendor has it."""
        ...

    async def set_encryption_key_enabled(self, key: str, enabled: bool) -> None: ...
