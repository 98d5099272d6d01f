"""`checks.access.partner_unknown`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.access import partners
from tenantry.capabilities import PartnerRelation
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class PartnerUnknown(Check[PartnerRelation]):
    """Another company may administer this tenant, or its word about second factors and devices is taken, and the client's file does not name it.

    ATT&CK T1199; https://learn.microsoft.com/partner-center/customers/gdap-introduction
    """

    name = "checks.access.partner_unknown"
    title = "Unknown partner"
    severity = "medium"
    attack = ("T1199",)
    remedy = "Ask the client who it is; end the relationship if nobody knows, and add it to the client's file if somebody does."
    collect = partners

    def evaluate(self, fact: PartnerRelation, look: Look) -> Iterable[Finding]:
        if not fact.active or fact.tenant_id in look.known.partners:
            return
        what = {
            "administers": "may administer this tenant",
            "service_provider": "is known as a service provider",
            "trusted": "is taken at its word about second factors or devices",
        }[fact.kind]
        yield self.finding(
            ("partner", fact.tenant_id),
            f"{fact.name} {what}",
            at=fact.since,
            severity="low" if fact.kind == "trusted" else None,
        )
