"""Where a hand-over goes: one small contract for a folder, an S3 bucket and an SFTP server.

A place is pinned to one folder or prefix of one client; names are relative, with ``/`` between their parts, and were made portable
(:mod:`tenantry.handover.naming`) before they come here. Methods raise only errors of the tree. A write may be repeated as it is: the same bytes
under the same name and number; whether they arrived is found out by reading them back, never from the write's answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

__all__ = ["Held", "Place"]


@dataclass(frozen=True, slots=True)
class Held:
    """What a place has of one file.

    Attributes:
        size: bytes of the whole file; None: there is none, or only parts of it.
        token: names the unfinished upload; empty where a place needs none.
        parts: number, from 0 → bytes that arrived of this part.
    """

    size: int | None = None
    token: str = ""
    parts: Mapping[int, int] = field(default_factory=dict)


@runtime_checkable
class Place(Protocol):
    """A destination."""

    @property
    def label(self) -> str:
        """What people read: ``s3://bucket/prefix``; no secret."""
        ...

    def part_bytes(self, size: int) -> int:
        """How large the parts of a file of this size are; the same answer for the same size, always."""
        ...

    async def held(self, name: str, size: int, token: str) -> Held:
        """What is there of a file that shall have this size. ``token`` is what :meth:`begin` gave, empty if it never did."""
        ...

    async def put(self, name: str, data: bytes) -> None:
        """A whole file of at most one part; what was there under this name is replaced. Raises DestinationFull."""
        ...

    async def begin(self, name: str) -> str:
        """Begin a file of several parts; gives the token of the upload."""
        ...

    async def part(self, name: str, token: str, number: int, offset: int, data: bytes) -> None:
        """One part. Parts come in order. Raises DestinationFull."""
        ...

    async def finish(self, name: str, token: str) -> None:
        """All parts are there: make them the file. Raises DestinationFull."""
        ...

    def read(self, name: str) -> AsyncIterator[bytes]:
        """The bytes as they lie there, from the beginning, in pieces of a few MiB at most. Raises TargetNotFound."""
        ...

    def listing(self) -> AsyncIterator[tuple[str, int]]:
        """Name and size of each whole file, in no order."""
        ...
