"""`checks.mail.rule_hidden`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.mailboxes import MailboxRules, inbox_rules
from tasks.checks.mail._rules import called
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class RuleHidden(Check[MailboxRules]):
    """An inbox rule that Outlook and Graph do not show sends mail on, deletes or moves it.

    The service hides rules of its own, and Outlook those of delegates: neither does that, or it is left out already. ATT&CK T1564.008;
    https://attack.mitre.org/techniques/T1564/008/
    """

    name = "checks.mail.rule_hidden"
    title = "Hidden inbox rule"
    severity = "medium"
    attack = ("T1564.008",)
    remedy = "Look at the rule with Get-InboxRule -IncludeHidden; remove it if its owner's programs did not make it."
    collect = inbox_rules

    def evaluate(self, fact: MailboxRules, look: Look) -> Iterable[Finding]:
        for rule in fact.rules:
            acts = rule.delete or rule.move_to_folder or rule.forward_to or rule.redirect_to
            if rule.hidden and acts and not rule.name.startswith("Delegate Rule -"):
                yield self.finding(
                    ("account", fact.owner.upn.lower()),
                    f"{called(rule)} is not shown to the mailbox's owner",
                    rule_id=rule.id,
                )
