"""`measures.backups.restore_proven`"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from tenantry.baseline.measure import Measure, Verdict
from tenantry.capabilities import Looking
from tenantry.sweep.check import Giver, Look

_YEAR: Final = timedelta(days=365)


class RestoreProven(Measure[Sequence[dict[str, Any]]]):
    """Within a year something of this client's was restored, and compared with what was backed up.

    Only what a run proved counts: a restore that somebody remembers is for that person to say. NIST SP 800-34 Rev. 1, section 3.5.
    """

    name = "measures.backups.restore_proven"
    needs = ("looking",)

    async def collect(self, given: Giver) -> Sequence[dict[str, Any]]:
        looking: Looking = await given.capability("looking")
        return await looking.restores(given.look.now - _YEAR)

    def evaluate(self, facts: Sequence[dict[str, Any]], look: Look) -> Verdict:
        del look
        if not facts:
            return Verdict("for_person", "no run of ours has restored anything of this client's within a year")
        newest = facts[0]
        return Verdict("pass", f"restored and compared on {newest['at'][:10]}, run {newest['run_id']}", (), len(facts))
