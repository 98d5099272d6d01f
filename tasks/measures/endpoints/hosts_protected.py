"""`measures.endpoints.hosts_protected`"""

from __future__ import annotations

from tenantry.baseline.measure import Measure, Verdict
from tenantry.capabilities import Host
from tenantry.sweep.check import Giver, Look


class HostsProtected(Measure[int]):
    """Whether hosts have endpoint protection: no connected system says so, so it is asked as soon as there are any."""

    name = "measures.endpoints.hosts_protected"
    needs = ("host",)

    async def collect(self, given: Giver) -> int:
        host: Host = await given.capability("host")
        return len(await host.hosts())

    def evaluate(self, facts: int, look: Look) -> Verdict:
        del look
        if not facts:
            return Verdict("not_applicable", "the client has no hosts here")
        return Verdict(
            "for_person", f"{facts} hosts are known, and nothing connected tells what protects them", (), facts
        )
