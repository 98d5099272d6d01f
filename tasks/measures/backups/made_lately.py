"""`measures.backups.made_lately`"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from tasks.backup.find_point import READS
from tenantry.baseline.measure import Measure, Verdict
from tenantry.capabilities import Backup
from tenantry.sweep.check import Giver, Look

_LATELY: Final = timedelta(days=8)
"""A weekly backup, and a day for it to be late."""
_MOST: Final = 200


@dataclass(slots=True)
class Backups:
    """What is backed up, and what of it not lately."""

    sources: int = 0
    old: list[str] = field(default_factory=list)
    stale: int = 0


class MadeLately(Measure[Backups]):
    """Everything that is backed up has a recovery point of the last eight days.

    What is not among the vendor's backups at all cannot be seen here: whether that is everything a person says.
    """

    name = "measures.backups.made_lately"
    needs = ("backup",)
    permissions = (READS,)

    async def collect(self, given: Giver) -> Backups:
        backup: Backup = await given.capability("backup")
        found = Backups()
        async for source in backup.sources():
            found.sources += 1
            at = source.last_point_at
            if at is None:
                newest = [point.created_at async for point in backup.points(source.id) if point.state == "available"]
                at = max(newest, default=None)
            if at is None or at < given.look.now - _LATELY:
                found.stale += 1
                if len(found.old) < _MOST:
                    found.old.append(f"{source.name or source.id} ({f'{at:%Y-%m-%d}' if at else 'never'})")
        return found

    def evaluate(self, facts: Backups, look: Look) -> Verdict:
        del look
        if not facts.sources:
            return Verdict("fail", "the connected backup protects nothing")
        if facts.stale:
            why = f"{facts.stale} of {facts.sources} have no backup of the last {_LATELY.days} days"
            return Verdict("fail", why, tuple(facts.old), facts.sources)
        return Verdict("pass", f"all {facts.sources} have a recent backup", (), facts.sources)
