"""`measures.backups.isolated`"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tasks.backup.find_point import READS
from tenantry.baseline.measure import Measure, Verdict
from tenantry.capabilities import Backup
from tenantry.sweep.check import Giver, Look

_MOST: Final = 200


@dataclass(slots=True)
class Copies:
    """What is backed up, and what of it nobody can delete for a while."""

    sources: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)


class Isolated(Measure[Copies]):
    """Of everything that is backed up there is a recovery point that nobody can delete today, administrators of the account included.

    A copy with rights of its own elsewhere serves as well and cannot be seen from here: a person says so. AA22-131A; NIST SP 1800-25.
    """

    name = "measures.backups.isolated"
    needs = ("backup",)
    permissions = (READS,)

    async def collect(self, given: Giver) -> Copies:
        backup: Backup = await given.capability("backup")
        found = Copies()
        async for point in backup.points():
            if point.state == "available":
                found.sources.add(point.source)
                if point.locked_until is not None and point.locked_until > given.look.now:
                    found.locked.add(point.source)
        return found

    def evaluate(self, facts: Copies, look: Look) -> Verdict:
        del look
        total, open_to_all = len(facts.sources), sorted(facts.sources - facts.locked)
        if not total:
            return Verdict("for_person", "there is no recovery point that could be looked at")
        if open_to_all:
            why = f"of {len(open_to_all)} of {total} no copy is locked: who takes over the administrators, can they delete all?"
            return Verdict("for_person", why, tuple(open_to_all[:_MOST]), total)
        return Verdict("pass", f"of all {total} there is a copy that nobody can delete yet", (), total)
