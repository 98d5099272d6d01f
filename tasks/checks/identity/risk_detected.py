"""`checks.identity.risk_detected`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.people import SETTLED, risk_detections
from tenantry.capabilities import RiskDetection
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding

_TECHNIQUES: Final = {
    "anomalousToken": "T1528",
    "tokenIssuerAnomaly": "T1606.002",
    "attackerinTheMiddle": "T1557",
    "leakedCredentials": "T1589.001",
    "passwordSpray": "T1110.003",
    "mcasSuspiciousInboxManipulationRules": "T1564.008",
    "suspiciousSendingPatterns": "T1534",
    "userReportedSuspiciousActivity": "T1621",
    "adminConfirmedUserCompromised": "T1078.004",
}
_SURE: Final = frozenset(_TECHNIQUES) | {
    "maliciousIPAddress",
    "maliciousIPAddressValidCredentialsBlockedIP",
    "nationStateIP",
    "investigationsThreatIntelligence",
    "suspiciousAuthTraffic",
    "authenticatorPhishing",
}
"""What hardly ever is wrong (https://learn.microsoft.com/entra/id-protection/concept-identity-protection-risks)."""


class RiskDetected(Check[RiskDetection]):
    """Identity Protection saw signs of a stolen password or token, and nobody has dealt with it.

    ATT&CK by the type of the event, T1078.004 else.
    """

    name = "checks.identity.risk_detected"
    title = "Identity Protection sees a risk"
    severity = "high"
    attack = ("T1078.004",)
    remedy = "Ask the owner; if it was not them, run business_email_compromise for the account."
    collect = risk_detections

    def evaluate(self, fact: RiskDetection, look: Look) -> Iterable[Finding]:
        if fact.state in SETTLED or not look.new(fact.detected_at or fact.at):
            return
        sure = fact.event in _SURE or fact.level == "high" or fact.state == "confirmedCompromised"
        found = self.finding(
            ("account", fact.upn or fact.account_id),
            f"{fact.event} ({fact.level}) from {fact.ip or 'an unknown address'} {fact.country}".rstrip(),
            at=fact.at,
            severity="high" if sure else "low" if fact.level == "low" else "medium",
            event_ids=(fact.id,),
        )
        if fact.event in _TECHNIQUES:
            found.attack = (_TECHNIQUES[fact.event],)
        yield found
