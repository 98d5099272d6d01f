"""`checks.access.domain_changed`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class DomainChanged(LogCheck):
    """Sign-in for a domain was given to another provider, or a domain was added.

    ATT&CK T1484.002.
    """

    name = "checks.access.domain_changed"
    title = "Domain changed"
    severity = "critical"
    attack = ("T1484.002",)
    remedy = "Make the domain managed again, revoke everybody's sessions, and contain the administrator."
    collect = directory_audits
    rules = (
        "m365_domain_federated",
        "m365_domain_added",
        "m365_tenant_sync_added",
        "m365_certificate_authority_added",
        "m365_sign_in_agent_added",
    )
