"""Working time: what of the time between two moments somebody works, by their days, hours, holidays and time zone.

A working day begins and ends at local times; between them, elapsed time counts. So the day on which clocks are put forward may be an hour
short, and the one on which they are put back an hour long, as it is for whoever works then. A local time that is skipped is the moment of the
change; one that comes twice is the first (PEP 495, ``fold=0``). Hours whose end is not after their start end on the next day.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tenantry.tenants import BusinessHours

__all__ = ["DAYS", "WorkTime"]

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = timedelta(days=1)
_NONE: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class WorkTime:
    """When somebody works.

    Attributes:
        days: Monday is 0; at least one.
        start: of a working day, local.
        end: of it; not after ``start``: on the next day.
        zone: IANA.
        holidays: days on which nobody begins to work.
    """

    days: frozenset[int]
    start: time
    end: time
    zone: zoneinfo.ZoneInfo
    holidays: frozenset[date] = frozenset()

    @classmethod
    def of(cls, hours: BusinessHours, zone: str, holidays: Iterable[date] = ()) -> WorkTime:
        """As a file has it."""
        return cls(
            frozenset(DAYS.index(day) for day in hours.days),
            time.fromisoformat(hours.start),
            time.fromisoformat(hours.end),
            zoneinfo.ZoneInfo(zone),
            frozenset((*hours.holidays, *holidays)),
        )

    def on(self, day: date) -> tuple[datetime, datetime] | None:
        """From when to when is worked that begins on a day, in UTC; None: on that day nothing begins."""
        if day.weekday() not in self.days or day in self.holidays:
            return None
        last = day if self.end > self.start else day + _DAY
        return _moment(day, self.start, self.zone), _moment(last, self.end, self.zone)

    def works(self, at: datetime) -> bool:
        """Whether somebody works at a moment."""
        today = at.astimezone(self.zone).date()
        spans = (self.on(day) for day in (today - _DAY, today))
        return any(span is not None and span[0] <= at < span[1] for span in spans)

    def after(self, begins: datetime, worked: timedelta) -> datetime:
        """When so much has been worked since then, in UTC; with none, the first moment from then on at which somebody works."""
        at, left = begins.astimezone(UTC), worked
        day = at.astimezone(self.zone).date() - _DAY
        while True:
            span = self.on(day)
            if span is not None:
                first = max(span[0], at)
                if span[1] > first:
                    if left <= span[1] - first:
                        return first + left
                    left -= span[1] - first
            day += _DAY

    def between(self, begins: datetime, ends: datetime) -> timedelta:
        """How much is worked between two moments; none where the second is not after the first."""
        day, last = (at.astimezone(self.zone).date() for at in (begins, ends))
        day -= _DAY
        found = _NONE
        while day <= last:
            span = self.on(day)
            if span is not None:
                found += max(min(span[1], ends) - max(span[0], begins), _NONE)
            day += _DAY
        return found


def _moment(day: date, at: time, zone: tzinfo) -> datetime:
    local = datetime.combine(day, at, zone)
    found = local.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return found
    # Skipped: the moment of the change lies between what the offsets after and before it make of this time.
    low, high = local.replace(fold=1).astimezone(UTC), found
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)
