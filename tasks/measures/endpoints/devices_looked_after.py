"""`measures.endpoints.devices_looked_after`"""

from __future__ import annotations

from tasks.checks._collect.people import devices
from tenantry.baseline.measure import Measure, Verdict
from tenantry.sweep.check import Giver, Look


class DevicesLookedAfter(Measure[int]):
    """Whether people's devices are protected and updated: no connected system says so, so it is asked as soon as there are any."""

    name = "measures.endpoints.devices_looked_after"
    reads = (devices,)

    async def collect(self, given: Giver) -> int:
        return sum([one.enabled async for one in devices.read(given)])

    def evaluate(self, facts: int, look: Look) -> Verdict:
        del look
        if not facts:
            return Verdict("not_applicable", "the directory knows no devices")
        return Verdict("for_person", f"{facts} devices are known, and nothing connected tells how they are", (), facts)
