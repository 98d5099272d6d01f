"""`checks.mail.forwarding_in_log`"""

from __future__ import annotations

from tasks.checks._collect.logs import audit_log
from tenantry.sweep.check import LogCheck


class ForwardingInLog(LogCheck):
    """Somebody had a mailbox forward everything outside, even if it does no more.

    ATT&CK T1114.003.
    """

    name = "checks.mail.forwarding_in_log"
    title = "Forwarding set in the log"
    severity = "critical"
    attack = ("T1114.003",)
    remedy = "Ask the mailbox's owner; if it was not them, run business_email_compromise for the account."
    collect = audit_log
    rules = ("m365_mailbox_forwards_outside",)
