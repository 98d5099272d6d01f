"""`checks.mail.audit_log_off`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.mail_flow import mail_organization
from tenantry.capabilities import MailOrganization
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class AuditLogOff(Check[MailOrganization]):
    """The unified audit log takes nothing in, or mailboxes are not audited at all.

    ATT&CK T1562.008 (T1685.002); https://learn.microsoft.com/purview/audit-log-enable-disable
    """

    name = "checks.mail.audit_log_off"
    title = "Audit log is off"
    severity = "critical"
    attack = ("T1562.008", "T1685.002")
    remedy = "Switch it on again, find out who switched it off, and contain that account."
    collect = mail_organization

    def evaluate(self, fact: MailOrganization, look: Look) -> Iterable[Finding]:
        if fact.audit_log is None or fact.mailbox_audit is None:
            raise CannotCheck("Exchange did not say whether the audit log is on")
        if not fact.audit_log:
            yield self.finding(("tenant", "audit log"), "the unified audit log takes nothing in")
        if not fact.mailbox_audit:
            yield self.finding(
                ("tenant", "mailbox audit"), "mailboxes are not audited by default any more", severity="high"
            )
