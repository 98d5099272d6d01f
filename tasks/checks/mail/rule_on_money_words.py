"""`checks.mail.rule_on_money_words`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.mailboxes import MailboxRules, inbox_rules, outside
from tasks.checks.mail._rules import called, hides, money_words
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class RuleOnMoneyWords(Check[MailboxRules]):
    """An inbox rule keeps mail about payments, passwords or warnings from its owner.

    A rule that sorts invoices into a folder of their own is none. ATT&CK T1564.008;
    https://attack.mitre.org/techniques/T1564/008/
    """

    name = "checks.mail.rule_on_money_words"
    title = "Inbox rule on words of money"
    severity = "high"
    attack = ("T1564.008",)
    remedy = (
        "Ask the mailbox's owner; if the rule is not theirs, look at mail that was sent since, and warn whoever got it."
    )
    collect = inbox_rules

    def evaluate(self, fact: MailboxRules, look: Look) -> Iterable[Finding]:
        for rule in fact.rules:
            words = money_words(rule)
            how = hides(rule)
            away = (
                how in ("deletes", "hides")
                or (how == "tucks away" and rule.mark_read)
                or outside((*rule.forward_to, *rule.redirect_to), fact.own, look)
            )
            if words and away:
                yield self.finding(
                    ("account", fact.owner.upn.lower()),
                    f"{called(rule)} acts on {', '.join(words)}",
                    severity=None if rule.enabled else "medium",
                    rule_id=rule.id,
                )
