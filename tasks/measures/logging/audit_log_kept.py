"""`measures.logging.audit_log_kept`"""

from __future__ import annotations

from tasks.checks._collect.mail_flow import mail_organization
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.capabilities import MailOrganization
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class AuditLogKept(WholeMeasure[MailOrganization]):
    """The unified audit log records, and is kept for six months at least. How long it is kept hangs on licences, which a person looks up.

    https://learn.microsoft.com/purview/audit-log-retention-policies
    """

    name = "measures.logging.audit_log_kept"
    source = mail_organization

    def evaluate(self, facts: list[MailOrganization], look: Look, seen: int) -> Verdict:
        del look, seen
        if not facts or facts[0].audit_log is None:
            raise CannotCheck("whether the unified audit log records is not said")
        if not facts[0].audit_log:
            return Verdict("fail", "the unified audit log is switched off: nothing is kept at all", (), 1)
        return Verdict("for_person", "the unified audit log records; how long it is kept hangs on the licences", (), 1)
