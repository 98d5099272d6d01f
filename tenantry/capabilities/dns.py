"""Zones and records of one tenant's public and private DNS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Zone(_Fact):
    id: str
    name: str
    """In lower case, with the final dot."""
    private: bool
    raw: dict[str, Any]


class RecordSet(_Fact):
    """All values of one name and type."""

    name: str
    """In lower case, with the final dot."""
    type: str
    ttl: int | None
    """Seconds; None for an alias."""
    values: tuple[str, ...]
    """As in a zone file, sorted."""
    alias: str = ""
    """The vendor's own redirection to one of its resources, by its DNS name; empty: none."""
    set_identifier: str = ""
    """Tells several record sets of one name and type apart (weighted, latency, failover)."""
    raw: dict[str, Any]


@runtime_checkable
class Dns(Protocol):
    """Provider contract. Before a change, read what is there: :meth:`record` is the ``before`` of the journal."""

    def zones(self) -> AsyncIterator[Zone]: ...

    def records(self, zone: str) -> AsyncIterator[RecordSet]:
        """Raises TargetNotFound."""
        ...

    async def record(self, zone: str, name: str, type: str, set_identifier: str = "") -> RecordSet | None: ...

    async def set_record(self, zone: str, name: str, type: str, ttl: int, values: tuple[str, ...]) -> str:
        """Put a simple record set in the place of what has its name and type. Gives the id of the change, for :meth:`in_sync`."""
        ...

    async def put_back(self, zone: str, record: RecordSet) -> str:
        """Put a record set back as it was read, aliases and routing included (from ``raw``)."""
        ...

    async def remove_record(self, zone: str, record: RecordSet) -> str:
        """Remove exactly this record set. Absent counts as removed (the id is then empty). Raises Rejected when it has changed since."""
        ...

    async def in_sync(self, change: str) -> bool:
        """Whether all of the vendor's name servers answer with the change. Others' caches keep the old answer for its TTL."""
        ...
