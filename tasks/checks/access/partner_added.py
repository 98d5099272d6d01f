"""`checks.access.partner_added`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class PartnerAdded(LogCheck):
    """Another company was let administer this tenant.

    ATT&CK T1199.
    """

    name = "checks.access.partner_added"
    title = "Partner added"
    severity = "high"
    attack = ("T1199",)
    remedy = "Ask who ordered it; end the relationship if nobody did."
    collect = directory_audits
    rules = (
        "m365_partner_added",
        "m365_tenant_trust_widened",
    )
