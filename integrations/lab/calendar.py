"""What stands in somebody's calendar: meetings of their own and of others', single ones and series, past and to come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from integrations.lab.dice import Dice
from integrations.lab.directory import Directory
from integrations.lab.records import Record

__all__ = ["calendar"]

_MEETINGS = (
    ("Budget review", -9, False, True),
    ("Quarter close", 12, False, True),
    ("Team stand-up", -60, True, True),
    ("Supplier day", 5, False, False),
    ("Safety briefing", -30, True, False),
)
"""Subject, day of the (first) meeting from the lab's beginning on, whether it is a series, whether it is their own."""


def calendar(dice: Dice, directory: Directory, index: int, start: datetime) -> Iterator[Record]:
    """The meetings of one user as Graph has them; and an entry without anybody else."""
    own = directory.upn_of(index)
    for subject, day, series, organized in _MEETINGS:
        others = [directory.upn_of((index + 1 + dice.below(directory.count - 1, subject, index)) % directory.count)]
        yield _event(dice, (subject, index), subject, start + timedelta(days=day), series, own if organized else others[0], own, others)  # fmt: skip
    yield _event(dice, ("Dentist", index), "Dentist", start + timedelta(days=3), False, own, own, [])


def _event(
    dice: Dice,
    key: tuple[object, ...],
    subject: str,
    at: datetime,
    series: bool,
    organizer: str,
    own: str,
    others: list[str],
) -> Record:
    begins = at.replace(hour=9, minute=0, second=0, microsecond=0)
    asked = others if organizer == own else [own, *others[1:]]
    event_id = f"AAMkE{dice.bytes(24, 'event', *key).hex()}"
    response = "organizer" if organizer == own else "accepted"
    props: dict[str, Any] = {
        "id": event_id,
        "subject": subject,
        "type": "seriesMaster" if series else "singleInstance",
        "start": _moment(begins),
        "end": _moment(begins + timedelta(minutes=45)),
        "isCancelled": False,
        "isOrganizer": organizer == own,
        "organizer": {"emailAddress": {"name": organizer, "address": organizer}},
        "responseStatus": {"response": response, "time": "2026-01-01T00:00:00Z"},
        "seriesMasterId": None,
        "attendees": [
            {
                "type": "required",
                "status": {"response": "accepted", "time": "2026-01-01T00:00:00Z"},
                "emailAddress": {"name": one, "address": one},
            }
            for one in asked
        ],
        "recurrence": _weekly(begins) if series else None,
    }
    return Record(event_id, props)


def _moment(at: datetime) -> dict[str, str]:
    return {"dateTime": at.strftime("%Y-%m-%dT%H:%M:%S.0000000"), "timeZone": "UTC"}


def _weekly(at: datetime) -> dict[str, Any]:
    """Without an end."""
    return {
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": [at.strftime("%A").lower()]},
        "range": {"type": "noEnd", "startDate": at.date().isoformat(), "endDate": "0001-01-01"},
    }
