"""`checks.cloud_activity.detector_found`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_findings
from tenantry.capabilities import VendorFinding
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding

_THREATS = ("TTPs", "Effects", "Unusual Behaviors")
"""Of Security Hub's types those that say that something happened; the others say how things are configured.
https://docs.aws.amazon.com/securityhub/latest/userguide/asff-required-attributes.html"""


class DetectorFound(Check[VendorFinding]):
    """The vendor's own detectors (GuardDuty, Security Hub) found something that nobody has dealt with.

    ATT&CK T1078.004; https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-types-active.html
    """

    name = "checks.cloud_activity.detector_found"
    title = "Found by the vendor's detectors"
    severity = "medium"
    attack = ("T1078.004",)
    remedy = "Read the finding at the vendor's, and archive it when it was dealt with."
    collect = cloud_findings

    def evaluate(self, fact: VendorFinding, look: Look) -> Iterable[Finding]:
        threat = fact.service == "guardduty" or fact.type.startswith(_THREATS)
        if fact.open and threat:
            yield self.finding(
                ("principal" if ":iam:" in fact.resources[0] else "resource", fact.resources[0])
                if fact.resources
                else ("region", fact.region),
                f"{fact.service} in {fact.region}: {fact.title}",
                at=fact.updated_at,
                severity=fact.severity if fact.severity != "informational" else "info",
                finding=fact.id,
                type=fact.type,
            )
