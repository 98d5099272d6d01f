"""`checks.mail.send_as_given`"""

from __future__ import annotations

from tasks.checks._collect.logs import audit_log
from tenantry.sweep.check import LogCheck


class SendAsGiven(LogCheck):
    """Somebody was let send as, or on behalf of, somebody else.

    ATT&CK T1098.002.
    """

    name = "checks.mail.send_as_given"
    title = "Right to send as another given"
    severity = "high"
    attack = ("T1098.002",)
    remedy = "Ask who ordered it; take it away if nobody did."
    collect = audit_log
    rules = ("m365_send_as_given",)
