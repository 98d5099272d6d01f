"""Copies of what a tenant must not lose, and getting it back: cloud backup vaults, databases to a point in time, replicas, and
repositories on hosts.

One vocabulary for all of them. A *source* is what is protected (an instance, volume, database, bucket, host or folder); a
*recovery point* is one state of it that can be restored; a *job* is a backup or a restore on its way. Ids are the vendor's own.

A write takes a ``token`` of the caller's: the same token is the same job for ever, so that a backup or restore whose answer never
came is looked up (:meth:`Backup.job_of`) and never begun twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

SourceKind = Literal[
    "instance", "volume", "database", "bucket", "file_system", "host", "folder", "mailbox", "drive", "site", "other"
]
JobState = Literal["pending", "running", "completed", "partial", "failed", "aborted"]


class _Fact(BaseModel):
    """As read from the vendor. ``raw`` is the vendor's own object, unaltered, for the evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BackupSource(_Fact):
    """Something that is backed up, or could be."""

    id: str
    kind: SourceKind
    name: str
    last_point_at: datetime | None
    """When its newest recovery point was made; None: there is none, or the vendor does not say."""
    raw: dict[str, Any]


class RecoveryPoint(_Fact):
    """One state that can be restored."""

    id: str
    source: str
    kind: Literal["backup", "snapshot", "continuous", "replica"]
    """``continuous``: any moment from ``created_at`` to ``latest``. ``replica``: follows its source until it is promoted, and so
    holds what an attacker did there too."""
    created_at: datetime
    latest: datetime | None = None
    """Last moment that can be restored; None: only ``created_at``."""
    state: Literal["available", "creating", "partial", "failed", "expired", "deleting"]
    size: int | None
    """Bytes as the vendor counts them."""
    encrypted: bool | None
    """None: the vendor does not say."""
    locked_until: datetime | None
    """Nobody can delete it before then; None: it is not locked, or the vendor does not say until when."""
    raw: dict[str, Any]


class BackupJob(_Fact):
    """A backup, restore or promotion on its way."""

    id: str
    action: Literal["backup", "restore", "promote"]
    state: JobState
    source: str
    """What is backed up or promoted; for a restore, the recovery point."""
    result: str | None
    """The recovery point that was made, or the id (path) of what was restored; None until the vendor knows it."""
    message: str
    """Why it failed, in the vendor's words; empty otherwise."""
    started_at: datetime | None
    ended_at: datetime | None
    raw: dict[str, Any]

    @property
    def done(self) -> bool:
        """It will not change any more."""
        return self.state in ("completed", "partial", "failed", "aborted")


class RestoreTarget(BaseModel):
    """Where to. Always beside what is there: putting it in the place of the original is a step of its own, after it was verified."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        min_length=1, description="Name of what is made: identifier of a database or instance, folder on a host"
    )
    options: Mapping[str, str] = Field(
        default_factory=dict, description="The vendor's own (subnet, security group, role)"
    )


class Verification(_Fact):
    """Whether something restored is what was backed up."""

    state: Literal["verified", "differs", "failed", "unknown"]
    """``unknown``: the vendor cannot tell; never to be taken as verified."""
    checked: int
    """How many things (files, rows, the vendor's own tests) were compared."""
    differences: tuple[str, ...] = ()
    """What differs, the first 100."""
    limits: str = ""
    """What this proof does not show, in a sentence."""


@runtime_checkable
class Backup(Protocol):
    """Provider contract."""

    def sources(self) -> AsyncIterator[BackupSource]:
        """Everything of the tenant that this provider protects, streamed."""
        ...

    def points(
        self, source: str | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> AsyncIterator[RecoveryPoint]:
        """Recovery points of a source (None: of all) that were made between the two times, newest first within a source.

        To get back to before an attack, take the newest that is complete *before* the first activity of the attacker.
        """
        ...

    async def point(self, point: str) -> RecoveryPoint:
        """Raises TargetNotFound."""
        ...

    async def back_up(self, source: str, *, token: str) -> BackupJob:
        """Begin a backup. Raises TargetNotFound, Rejected (a source of a kind that cannot be backed up on demand)."""
        ...

    async def restore(self, point: str, target: RestoreTarget, *, token: str, at: datetime | None = None) -> BackupJob:
        """Begin a restore beside the original; ``at`` chooses the moment of a continuous point.

        Raises TargetNotFound; Rejected (the point is not available, ``at`` lies outside of it, the target's name is taken).
        """
        ...

    async def promote(self, replica: str, *, token: str) -> BackupJob:
        """Make a replica independent of its source. Cannot be taken back. Raises TargetNotFound, Rejected (no replica)."""
        ...

    async def job(self, job: str) -> BackupJob:
        """Raises TargetNotFound."""
        ...

    async def job_of(self, token: str) -> BackupJob | None:
        """The job that was begun with this token; None: none was accepted."""
        ...

    async def verify(self, job: str) -> Verification:
        """Whether what this completed restore made is what its recovery point holds. Reads only."""
        ...

    async def remains(self, job: str) -> bool:
        """Whether anything of what this restore made is still there, whole or not. Raises Rejected: this provider cannot see it."""
        ...

    async def remove_restored(self, job: str) -> None:
        """Delete what this restore made, and nothing else. Absent counts as removed."""
        ...
