"""`checks.mail.send_as_held_outside`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.mailboxes import SendAs, outside, send_as
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class SendAsHeldOutside(Check[SendAs]):
    """Somebody who is not the client's, a guest among them, may send as one of its mailboxes.

    Colleagues' rights are routine; who gave which lately, the audit log says (`checks.mail.send_as_given`). ATT&CK T1098.002;
    https://attack.mitre.org/techniques/T1098/002/
    """

    name = "checks.mail.send_as_held_outside"
    title = "Somebody outside may send as a mailbox"
    severity = "high"
    attack = ("T1098.002",)
    remedy = "Take the right away unless the mailbox's owner knows whose it is."
    collect = send_as

    def evaluate(self, fact: SendAs, look: Look) -> Iterable[Finding]:
        right = fact.right
        if "#ext#" in right.trustee or outside([right.trustee], fact.own, look):
            yield self.finding(
                ("mailbox", right.mailbox), f"{right.trustee} may send as {right.mailbox}", trustee=right.trustee
            )
