"""`measures.exercises.held`"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from tenantry.baseline.measure import Measure, Verdict
from tenantry.capabilities import Looking
from tenantry.sweep.check import Giver, Look

_YEAR: Final = timedelta(days=365)


class Held(Measure[Sequence[dict[str, Any]]]):
    """Within a year an incident or a disaster of this client's was exercised, and the drill came to its end.

    An exercise that was held otherwise is for a person to say. NIST SP 800-84; AA22-131A, "Develop and exercise incident response and
    recovery plans".
    """

    name = "measures.exercises.held"
    needs = ("looking",)

    async def collect(self, given: Giver) -> Sequence[dict[str, Any]]:
        looking: Looking = await given.capability("looking")
        return await looking.exercises(given.look.now - _YEAR)

    def evaluate(self, facts: Sequence[dict[str, Any]], look: Look) -> Verdict:
        del look
        if not facts:
            return Verdict("for_person", "no drill of ours has come to its end for this client within a year")
        newest = facts[0]
        return Verdict(
            "pass", f"{newest['runbook']} was exercised on {newest['at'][:10]}, run {newest['run_id']}", (), len(facts)
        )
