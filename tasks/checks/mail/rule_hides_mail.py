"""`checks.mail.rule_hides_mail`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.mailboxes import MailboxRules, inbox_rules
from tasks.checks.mail._rules import called, hides, money_words, odd_name
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class RuleHidesMail(Check[MailboxRules]):
    """An inbox rule deletes mail, or moves it to where its owner does not look.

    Many people have advertisements deleted and mail archived. What intruders add to that: the rule is hidden itself, has no real name,
    or is about payments, passwords and warnings. ATT&CK T1564.008;
    https://learn.microsoft.com/defender-office-365/detect-and-remediate-outlook-rules-forms-attack
    """

    name = "checks.mail.rule_hides_mail"
    title = "Inbox rule hides mail"
    severity = "high"
    attack = ("T1564.008",)
    remedy = "Ask the mailbox's owner; if the rule is not theirs, run business_email_compromise for the account."
    collect = inbox_rules

    def evaluate(self, fact: MailboxRules, look: Look) -> Iterable[Finding]:
        for rule in fact.rules:
            how = hides(rule)
            if how is None:
                continue
            signs = [
                *(["it is hidden"] if rule.hidden else []),
                *(["it has no real name"] if odd_name(rule) else []),
                *([f"it looks for {', '.join(words)}"] if (words := money_words(rule)) else []),
            ]
            if how == "tucks away" and signs and not (len(signs) > 1 or rule.hidden or rule.mark_read):
                signs = []  # "Invoices, to the archive" is how people keep their order
            severity = "high" if signs else "low"
            yield self.finding(
                ("account", fact.owner.upn.lower()),
                f"{called(rule)} {'deletes mail' if how == 'deletes' else f'moves mail to {rule.move_to_folder}'}"
                + (f"; {'; '.join(signs)}" if signs else ""),
                severity="low" if not rule.enabled else severity,
                rule_id=rule.id,
            )
