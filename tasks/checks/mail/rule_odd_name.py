"""`checks.mail.rule_odd_name`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.mailboxes import MailboxRules, inbox_rules
from tasks.checks.mail._rules import called, odd_name
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class RuleOddName(Check[MailboxRules]):
    """An inbox rule has no real name: nothing, punctuation, a letter.

    ATT&CK T1564.008; https://attack.mitre.org/techniques/T1564/008/
    """

    name = "checks.mail.rule_odd_name"
    title = "Inbox rule without a real name"
    severity = "high"
    attack = ("T1564.008",)
    remedy = "Ask the mailbox's owner what the rule is for; if it is not theirs, run business_email_compromise."
    collect = inbox_rules

    def evaluate(self, fact: MailboxRules, look: Look) -> Iterable[Finding]:
        for rule in fact.rules:
            if not odd_name(rule):
                continue
            acts = (
                rule.delete or rule.move_to_folder or rule.forward_to or rule.redirect_to or rule.mark_read
            ) and rule.enabled
            yield self.finding(
                ("account", fact.owner.upn.lower()),
                called(rule),
                severity=None if acts else "medium",
                rule_id=rule.id,
            )
