"""`checks.mail.audit_bypassed`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.mail_flow import audit_bypasses
from tenantry.capabilities import AuditBypass
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class AuditBypassed(Check[AuditBypass]):
    """What an account does in mailboxes is not recorded.

    ATT&CK T1562.008 (T1685.002); https://learn.microsoft.com/powershell/module/exchange/set-mailboxauditbypassassociation
    """

    name = "checks.mail.audit_bypassed"
    title = "Mailbox auditing is bypassed"
    severity = "high"
    attack = ("T1562.008", "T1685.002")
    remedy = "End the bypass; what the account did meanwhile is in no log, so look at its sign-ins."
    collect = audit_bypasses

    def evaluate(self, fact: AuditBypass, look: Look) -> Iterable[Finding]:
        if fact.account.lower() not in look.known.accounts:
            yield self.finding(
                ("account", fact.account.lower()),
                f"what {fact.account} does in mailboxes is not recorded",
                at=fact.since,
            )
