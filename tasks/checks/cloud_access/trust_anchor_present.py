"""`checks.cloud_access.trust_anchor_present`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_trust_anchors
from tenantry.capabilities import TrustAnchor
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class TrustAnchorPresent(Check[TrustAnchor]):
    """Whoever holds the key of a certificate authority gets credentials (IAM Roles Anywhere).

    ATT&CK T1098.001, T1556; https://docs.aws.amazon.com/rolesanywhere/latest/userguide/getting-started.html
    """

    name = "checks.cloud_access.trust_anchor_present"
    title = "Certificate authority may sign in"
    severity = "low"
    attack = ("T1098.001", "T1556")
    remedy = (
        "Ask whose authority it is; disable it if nobody knows, and revoke the sessions of the roles in its profiles."
    )
    collect = cloud_trust_anchors

    def evaluate(self, fact: TrustAnchor, look: Look) -> Iterable[Finding]:
        if fact.enabled:
            at = fact.changed_at or fact.created_at
            new = look.new(at)
            # One that was brought along is anybody's; the vendor's own service keeps its keys.
            severity = ("high" if fact.kind == "uploaded" else "medium") if new else "low"
            if new or fact.kind == "uploaded":
                yield self.finding(
                    ("trust_anchor", fact.id),
                    f"{fact.name} signs in with {'a certificate that was uploaded' if fact.kind == 'uploaded' else 'a private authority'}",
                    at=at if new else None,
                    severity=severity,
                    region=fact.region,
                )
