"""Small readings that several capabilities share: times, addresses, streams merged by time."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from tenantry.task import utc

__all__ = ["GUID", "address", "at", "literal", "merged", "odata_time", "text", "when"]

T = TypeVar("T")

GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC)


def when(value: Any) -> datetime | None:
    """A vendor's time; None for none. Digits beyond the microsecond are cut off; a time without zone is UTC."""
    if not isinstance(value, str) or not value:
        return None
    try:
        return utc(datetime.fromisoformat(value))
    except ValueError:
        return None


def at(value: Any) -> datetime:
    """A time that a log entry cannot be without; the beginning of time where the vendor gave none."""
    return when(value) or _BEGINNING


def text(value: Any) -> str:
    """A text; empty for null."""
    return value if isinstance(value, str) else "" if value is None else str(value)


def odata_time(value: datetime) -> str:
    """A time for ``$filter``, UTC with milliseconds."""
    return utc(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def literal(value: str) -> str:
    """A text for ``$filter``: OData doubles quotes (OData 4.01 part 2, section 5.1.1.1.1)."""
    return "'" + value.replace("'", "''") + "'"


def address(value: Any) -> str:
    """An IP address without port: ``1.2.3.4:5``, ``[::1]:5``, ``::1``; as given when it is none."""
    raw = text(value).strip()
    if raw.startswith("["):
        raw = raw[1:].partition("]")[0]
    elif raw.count(":") == 1:
        raw = raw.partition(":")[0]
    try:
        found = ipaddress.ip_address(raw)
    except ValueError:
        return raw
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


async def merged(
    streams: list[AsyncIterator[T]], time: Callable[[T], datetime], key: Callable[[T], str]
) -> AsyncIterator[T]:
    """Several streams, each newest first, as one, each entry once. Holds one entry of each stream."""
    heads: list[tuple[T, AsyncIterator[T]]] = []
    for stream in streams:
        async for first in stream:
            heads.append((first, stream))
            break
    moment: datetime | None = None
    seen: set[str] = set()
    while heads:
        place = max(range(len(heads)), key=lambda at: time(heads[at][0]))
        entry, stream = heads[place]
        if time(entry) != moment:
            moment, seen = time(entry), set()  # the same entry has the same time in each stream
        if key(entry) not in seen:
            seen.add(key(entry))
            yield entry
        try:
            heads[place] = (await anext(stream), stream)
        except StopAsyncIteration:
            del heads[place]
