"""Objects of one tenant's object storage: versions, locks, and their bytes as a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bucket(_Fact):
    name: str
    created_at: datetime
    region: str


class BucketProtection(_Fact):
    """What an attacker could not undo here."""

    versioned: bool
    """Overwriting and deleting keep what was there."""
    lock: bool
    """Versions can be locked."""
    default_mode: Literal["governance", "compliance"] | None
    default_days: int | None


class StoredObject(_Fact):
    """One version of an object, or a delete marker."""

    key: str
    version: str
    """Empty where the bucket has no versions."""
    latest: bool
    delete_marker: bool
    size: int
    """Bytes."""
    modified_at: datetime
    etag: str
    raw: dict[str, Any]


class Retention(_Fact):
    mode: Literal["governance", "compliance"]
    until: datetime


@runtime_checkable
class Storage(Protocol):
    """Provider contract."""

    def buckets(self) -> AsyncIterator[Bucket]: ...

    async def protection(self, bucket: str) -> BucketProtection:
        """Raises TargetNotFound."""
        ...

    def objects(self, bucket: str, prefix: str = "", *, versions: bool = False) -> AsyncIterator[StoredObject]:
        """Present objects, or every version and delete marker, streamed in the vendor's order."""
        ...

    def read(self, bucket: str, key: str, version: str = "") -> AsyncIterator[bytes]:
        """The bytes, in pieces of at most 1 MiB; begun again where the connection broke, never a byte twice. Raises TargetNotFound."""
        ...

    async def opens(self, bucket: str, key: str, version: str = "") -> bool:
        """Whether its bytes can be had with what the account has. False: it was encrypted with a key that came with the write (SSE-C), which
        nobody but the writer has. Raises TargetNotFound; PermissionMissing, which says nothing about it."""
        ...

    async def write(self, bucket: str, key: str, data: bytes) -> str:
        """Store one object whole; gives its version (empty where there are none)."""
        ...

    async def restore_version(self, bucket: str, key: str, version: str) -> None:
        """Make an old version the present one by copying it over what is there; nothing is deleted. Up to 5 GiB."""
        ...

    async def retention(self, bucket: str, key: str, version: str) -> Retention | None:
        """None: this version is not locked."""
        ...

    async def set_retention(self, bucket: str, key: str, version: str, retention: Retention) -> None:
        """Compliance mode cannot be shortened or lifted by anybody. Raises Rejected for a bucket without locks."""
        ...

    async def remove_version(self, bucket: str, key: str, version: str) -> None:
        """Delete one version or delete marker for good. Absent counts as deleted. Raises PermissionMissing or Rejected for a
        locked one."""
        ...
