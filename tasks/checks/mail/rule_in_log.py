"""`checks.mail.rule_in_log`"""

from __future__ import annotations

from tasks.checks._collect.logs import audit_log
from tenantry.sweep.check import LogCheck


class RuleInLog(LogCheck):
    """Somebody made an inbox rule that sends mail outside or hides it, even if it is gone by now.

    ATT&CK T1114.003, T1564.008.
    """

    name = "checks.mail.rule_in_log"
    title = "Inbox rule of an intruder in the log"
    severity = "critical"
    attack = ("T1114.003", "T1564.008")
    remedy = "Ask the mailbox's owner; if it was not them, run business_email_compromise for the account."
    collect = audit_log
    rules = (
        "m365_inbox_rule_forwards_outside",
        "m365_inbox_rule_of_an_intruder",
        "m365_inbox_rule_hides_mail",
        "m365_inbox_rule_odd_name",
        "m365_sweep_rule",
        "m365_inbox_rule_on_money_words",
        "m365_rule_then_mail_deleted",
    )
