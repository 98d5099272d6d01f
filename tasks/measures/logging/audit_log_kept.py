"""`measures.logging.audit_log_kept`"""

from __future__ import annotations

from tasks.checks._collect.mail_flow import mail_organization
from tenantry.baseline.measure import Measure, Verdict
from tenantry.capabilities import MailOrganization
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Giver, Look


class AuditLogKept(Measure[list[MailOrganization]]):
    """The unified audit log records, and is kept for six months at least. How long it is kept hangs on licences, which a person looks up.

    https://learn.microsoft.com/purview/audit-log-retention-policies
    """

    name = "measures.logging.audit_log_kept"
    reads = (mail_organization,)

    async def collect(self, given: Giver) -> list[MailOrganization]:
        return [one async for one in mail_organization.read(given)]

    def evaluate(self, facts: list[MailOrganization], look: Look) -> Verdict:
        del look
        if not facts or facts[0].audit_log is None:
            raise CannotCheck("whether the unified audit log records is not said")
        if not facts[0].audit_log:
            return Verdict("fail", "the unified audit log is switched off: nothing is kept at all", (), 1)
        return Verdict("for_person", "the unified audit log records; how long it is kept hangs on the licences", (), 1)
