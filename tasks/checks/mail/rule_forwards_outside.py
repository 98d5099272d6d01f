"""`checks.mail.rule_forwards_outside`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.mailboxes import MailboxRules, inbox_rules, outside
from tasks.checks.mail._rules import called
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class RuleForwardsOutside(Check[MailboxRules]):
    """An inbox rule sends mail on to an address that is not the client's.

    ATT&CK T1114.003; https://learn.microsoft.com/defender-office-365/detect-and-remediate-outlook-rules-forms-attack
    """

    name = "checks.mail.rule_forwards_outside"
    title = "Inbox rule sends mail outside"
    severity = "critical"
    attack = ("T1114.003",)
    remedy = "Ask the mailbox's owner; if the rule is not theirs, run business_email_compromise for the account."
    collect = inbox_rules

    def evaluate(self, fact: MailboxRules, look: Look) -> Iterable[Finding]:
        for rule in fact.rules:
            where = outside((*rule.forward_to, *rule.redirect_to), fact.own, look)
            if where:
                yield self.finding(
                    ("account", fact.owner.upn.lower()),
                    f"{called(rule)} sends mail to {', '.join(where)}",
                    severity=None if rule.enabled else "medium",
                    rule_id=rule.id,
                )
