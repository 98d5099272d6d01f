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
    _second: tuple[int, str] = (-1, "")
    """The second that was written last, and its text. One value, because threads share a clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def stamp(self) -> str:
        """:meth:`now` as :func:`rfc3339` writes it, at half of what the two take: the second is written once a second."""
        second, micros = divmod(time.time_ns() // 1000, 1_000_000)
        written, text = self._second
        if second != written:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = (second, text)
        return "%s.%06dZ" % (text, micros)  # noqa: UP031  # as below

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1000


def rfc3339(at: datetime) -> str:
    """``2026-11-21T03:04:05.000006Z``: always six digits, always UTC, so that text order is time order."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    # isoformat asks the zone for its offset and puts that into text too: twice the time, of each entry of the record.
    whole = (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)
    return "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ" % whole  # noqa: UP031  # an f-string of seven formats is no faster than isoformat


def stamp(clock: Clock) -> str:
    """What the clock says now, as :func:`rfc3339` writes it."""
    return clock.stamp() if type(clock) is SystemClock else rfc3339(clock.now())


def parse_rfc3339(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
