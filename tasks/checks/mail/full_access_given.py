"""`checks.mail.full_access_given`"""

from __future__ import annotations

from tasks.checks._collect.logs import audit_log
from tenantry.sweep.check import LogCheck


class FullAccessGiven(LogCheck):
    """Somebody was given another's whole mailbox, or a role that opens all of them.

    ATT&CK T1098.002.
    """

    name = "checks.mail.full_access_given"
    title = "Mailbox given away"
    severity = "high"
    attack = ("T1098.002",)
    remedy = "Ask who ordered it; take it away if nobody did."
    collect = audit_log
    rules = (
        "m365_mailbox_full_access",
        "m365_mailbox_taken_for_oneself",
        "m365_impersonation_role",
        "m365_application_limits_removed",
        "m365_search_rights_given",
    )
