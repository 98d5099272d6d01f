"""`measures.cloud.findings_settled`"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tasks.checks._collect.cloud import cloud_detectors, cloud_findings
from tasks.checks.cloud_activity.detector_found import DetectorFound
from tenantry.baseline.measure import Measure, Verdict
from tenantry.sweep.check import Giver, Look

_MOST: Final = 200


@dataclass(slots=True)
class Found:
    """What the vendor's detectors found in the window."""

    watched: bool = False
    """One of them is on, somewhere."""
    open: int = 0
    """Threats that nobody has dealt with."""
    named: list[str] = field(default_factory=list)


class FindingsSettled(Measure[Found]):
    """No threat that the vendor's own detectors found in the window lies open. Where none of them is on, nothing could be found.

    https://docs.aws.amazon.com/guardduty/latest/ug/findings_management.html
    """

    name = "measures.cloud.findings_settled"
    needs = ("findings",)
    reads = (cloud_detectors, cloud_findings)

    async def collect(self, given: Giver) -> Found:
        check, seen = DetectorFound(), Found()
        async for detectors in cloud_detectors.read(given):
            seen.watched |= any(state.enabled for state in detectors.states)
        async for finding in cloud_findings.read(given):
            for threat in check.evaluate(finding, given.look):
                seen.open += 1
                if len(seen.named) < _MOST:
                    seen.named.append(f"{threat.entity['id']}: {finding.title}")
        return seen

    def evaluate(self, facts: Found, look: Look) -> Verdict:
        if facts.open:
            return Verdict("fail", f"{facts.open} found and not dealt with", tuple(sorted(facts.named)), facts.open)
        if not facts.watched:
            return Verdict("not_applicable", "no detector of the vendor's is on: that is a policy of its own")
        return Verdict("pass", f"nothing that was found since {look.since:%Y-%m-%d} lies open")
