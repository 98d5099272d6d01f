"""`checks.mail.mail_read_by_application`"""

from __future__ import annotations

from tasks.checks._collect.logs import audit_log
from tenantry.sweep.check import LogCheck


class MailReadByApplication(LogCheck):
    """An application that is not one of the vendor's read mail.

    ATT&CK T1114.002.
    """

    name = "checks.mail.mail_read_by_application"
    title = "Mail read by an unusual application"
    severity = "medium"
    attack = ("T1114.002",)
    remedy = "Look what the application is and who let it in."
    collect = audit_log
    rules = ("m365_mail_read_by_application",)
