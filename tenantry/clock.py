"""Time as the platform uses it: UTC with microseconds, and a monotonic reading beside it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Wall clock, aware, UTC."""
        ...

    def monotonic_us(self) -> int:
        """Microseconds since an arbitrary point of this boot; never steps back."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1000


def rfc3339(at: datetime) -> str:
    """``2026-11-21T03:04:05.000006Z``: always six digits, always UTC, so that text order is time order."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    # isoformat asks the zone for its offset and puts that into text too: twice the time, of each entry of the record.
    whole = (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)
    return "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ" % whole  # noqa: UP031  # an f-string of seven formats is no faster than isoformat


def parse_rfc3339(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
