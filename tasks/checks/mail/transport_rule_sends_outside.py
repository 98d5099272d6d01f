"""`checks.mail.transport_rule_sends_outside`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.mail_flow import MailRule, transport_rules
from tasks.checks._collect.mailboxes import outside
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class TransportRuleSendsOutside(Check[MailRule]):
    """A mail flow rule copies or redirects everybody's mail to an address that is not the client's.

    One that has not changed in the window may be an archive at a provider, and weighs less. ATT&CK T1114.003;
    https://learn.microsoft.com/exchange/security-and-compliance/mail-flow-rules/mail-flow-rules
    """

    name = "checks.mail.transport_rule_sends_outside"
    title = "Mail flow rule sends mail outside"
    severity = "critical"
    attack = ("T1114.003",)
    remedy = "Disable the rule unless somebody ordered it, and contain the administrator who made it."
    collect = transport_rules

    def evaluate(self, fact: MailRule, look: Look) -> Iterable[Finding]:
        rule = fact.rule
        where = outside(rule.recipients, fact.own, look)
        if where:
            lately = rule.changed_at is None or look.new(rule.changed_at)
            severity = ("critical" if lately else "medium") if rule.enabled else "low"
            yield self.finding(
                ("transport_rule", rule.name),
                f"the mail flow rule {rule.name!r} sends mail to {', '.join(where)}"
                + ("" if rule.enabled else " (it is switched off)"),
                at=rule.changed_at,
                severity=severity,
                rule_id=rule.id,
            )
