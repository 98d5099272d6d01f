"""`checks.cloud_access.trust_anchor_made`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class TrustAnchorMade(LogCheck):
    """A certificate authority was given the right to sign in (IAM Roles Anywhere).

    ATT&CK T1098.001, T1556; https://docs.aws.amazon.com/rolesanywhere/latest/APIReference/API_CreateTrustAnchor.html
    """

    name = "checks.cloud_access.trust_anchor_made"
    title = "Roles Anywhere trust anchor made"
    severity = "high"
    attack = ("T1098.001", "T1556")
    remedy = "Disable the trust anchor unless it was ordered, and revoke the sessions of the roles in its profiles."
    collect = cloud_events
    rules = ("aws_trust_anchor_created",)
