"""`checks.mail.mail_taken`"""

from __future__ import annotations

from tasks.checks._collect.logs import audit_log
from tenantry.sweep.check import LogCheck


class MailTaken(LogCheck):
    """Far more mail was read, exported or sent than usual.

    ATT&CK T1114.002, T1534.
    """

    name = "checks.mail.mail_taken"
    title = "Mail taken in bulk"
    severity = "medium"
    attack = ("T1114.002", "T1534")
    remedy = "Ask the account's owner what it was for; if it was not them, contain the account and list what was taken."
    collect = audit_log
    rules = ("m365_mass_mail_read", "m365_mail_exported", "m365_mailboxes_moved_out", "m365_mass_send")
