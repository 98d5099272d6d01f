"""Which backups of this installation were made, and until when whoever has one keeps it.

A backup is a file somewhere else: nothing of one client can be deleted in it, and nobody here can delete it. So the day on which it is to be deleted as
a whole is said when it is made, and recorded; who leaves is told, and a restoration asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from tenantry.errors import InvalidInput
from tenantry.journal import Record

__all__ = ["KEEP_DAYS", "TAKEN", "Backup", "backups", "last_day", "read"]

TAKEN: Final = "backup.taken"
"""Entry of the MSP's record."""
KEEP_DAYS: Final = 90
"""For how many days a backup is kept unless it is said otherwise."""
_LONGEST: Final = 36_500


@dataclass(frozen=True, slots=True)
class Backup:
    """One of them.

    Attributes:
        until: the last day on which it is kept; None: nobody recorded it.
    """

    id: str
    until: date | None


def backups(records: Iterable[Record]) -> list[Backup]:
    """Those that the MSP's record tells of, in the order in which they were made."""
    return [read(record) for record in records if record.event == TAKEN]


def read(record: Record) -> Backup:
    """One entry's."""
    until = record.data.get("until")
    return Backup(str(record.data.get("backup", "")), date.fromisoformat(until) if until else None)


def last_day(taken: date, days: int) -> date:
    """The last day on which a backup is kept.

    Raises:
        InvalidInput: no number of days that anybody keeps a file for.
    """
    if not 1 <= days <= _LONGEST:
        raise InvalidInput(f"is a number of days, 1 to {_LONGEST}", place="--keep")
    return taken + timedelta(days=days)
