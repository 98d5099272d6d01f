"""Emptying a store of our own that a vendor runs: every version deleted, then asked for, then listed. What is locked stays, with its date.

A vendor's "deleted" is no proof. Each version is asked for right after it was deleted, and the whole prefix is listed at the end: what is still
served, or listed, is found.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tenantry.capabilities import Retention, Storage, StoredObject
from tenantry.errors import ProviderError, TargetNotFound

__all__ = ["StoreEmptied", "emptied_store"]

_NAMED = 5


@dataclass(slots=True)
class StoreEmptied:
    """What came of it.

    Attributes:
        left: versions that are listed still, and no lock says why.
        served: those that were deleted, as the vendor says, and are still given out.
        locked: mode and day until which a lock holds → how many.
    """

    left: list[str] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    locked: Counter[tuple[str, str]] = field(default_factory=Counter)

    def retained(self, what: str, where: str) -> list[dict[str, Any]]:
        """As a certificate lists it."""
        return [
            {
                "what": f"{what}: {count} objects",
                "where": where,
                "law": f"object lock in {mode} mode, set while the service lasted: the store deletes them for nobody before",
                "until": until,
            }
            for (mode, until), count in sorted(self.locked.items())
        ]

    def named(self) -> str:
        """The first of what is there although it should not be."""
        said = [f"{one} (deleted, and still served)" for one in self.served] + [
            f"{one} (still listed)" for one in self.left
        ]
        return ", ".join(said[:_NAMED])


async def emptied_store(storage: Storage, bucket: str, prefix: str) -> StoreEmptied:
    """Delete every version below the prefix. Memory grows with what could not be deleted alone.

    Raises:
        ProviderError: the store does not answer; done again, it goes on.
    """
    found = StoreEmptied()
    refused: set[str] = set()
    async for one in storage.objects(bucket, prefix, versions=True):
        if one.delete_marker:
            continue
        locked = await _lock(storage, bucket, one)
        if locked is not None:
            continue  # counted when it is listed again
        try:
            await storage.remove_version(bucket, one.key, one.version)
        except TargetNotFound:
            continue
        except ProviderError as error:
            if error.retryable:
                raise
            refused.add(_name(one))
            continue
        if await _served(storage, bucket, one):
            found.served.append(_name(one))
    async for one in storage.objects(bucket, prefix, versions=True):
        if one.delete_marker:
            await storage.remove_version(bucket, one.key, one.version)
            continue
        locked = await _lock(storage, bucket, one)
        if locked is not None:
            found.locked[(locked.mode, locked.until.astimezone(UTC).date().isoformat())] += 1
        elif _name(one) not in found.served:
            found.left.append(_name(one))
    return found


async def _lock(storage: Storage, bucket: str, one: StoredObject) -> Retention | None:
    """The lock that stands on a version now. A bucket without locks answers that it has none, or refuses the question."""
    try:
        retention = await storage.retention(bucket, one.key, one.version)
    except ProviderError as error:
        if error.retryable:
            raise
        return None  # deleting it says whether it can be
    return retention if retention is not None and retention.until > datetime.now(UTC) else None


async def _served(storage: Storage, bucket: str, one: StoredObject) -> bool:
    try:
        await storage.opens(bucket, one.key, one.version)
    except TargetNotFound:
        return False
    return True


def _name(one: StoredObject) -> str:
    return f"{one.key}@{one.version}" if one.version else one.key
