"""`checks.mail.transport_rule_lets_pass`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.mail_flow import MailRule, transport_rules
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class TransportRuleLetsPass(Check[MailRule]):
    """A mail flow rule that was changed since the window began lets mail pass unfiltered.

    Those of old are for scanners and partners, mostly. ATT&CK T1562.001 (T1685);
    https://learn.microsoft.com/exchange/security-and-compliance/mail-flow-rules/use-rules-to-set-scl
    """

    name = "checks.mail.transport_rule_lets_pass"
    title = "Mail flow rule lets mail pass unfiltered"
    severity = "medium"
    attack = ("T1562.001", "T1685")
    remedy = "Check for whose mail, and whether an authenticated sender bounds it; disable it if nobody ordered it."
    collect = transport_rules

    def evaluate(self, fact: MailRule, look: Look) -> Iterable[Finding]:
        rule = fact.rule
        if rule.enabled and rule.bypasses_filter and (rule.changed_at is None or look.new(rule.changed_at)):
            yield self.finding(
                ("transport_rule", rule.name),
                f"mail that the rule {rule.name!r} matches is not filtered",
                at=rule.changed_at,
                rule_id=rule.id,
            )
