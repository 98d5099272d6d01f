"""`checks.mail.mailbox_forwards_outside`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.mailboxes import MailboxSettings, mailboxes, outside
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class MailboxForwardsOutside(Check[MailboxSettings]):
    """A mailbox forwards everything to an address that is not the client's.

    The vendor gives forwarding no date. A mailbox of which nothing changed in the window forwards since before it: that may be an
    agreement of old, and weighs less. ATT&CK T1114.003;
    https://learn.microsoft.com/exchange/recipients-in-exchange-online/manage-user-mailboxes/configure-email-forwarding
    """

    name = "checks.mail.mailbox_forwards_outside"
    title = "Mailbox forwards outside"
    severity = "critical"
    attack = ("T1114.003",)
    remedy = "Ask the mailbox's owner; if it is not theirs, run business_email_compromise for the account."
    collect = mailboxes

    def evaluate(self, fact: MailboxSettings, look: Look) -> Iterable[Finding]:
        box = fact.mailbox
        where = outside(
            [one for one in (box.forwarding.smtp_address, box.forwarding.address) if one is not None], fact.own, look
        )
        if where:
            lately = box.changed_at is None or look.new(box.changed_at)
            yield self.finding(
                ("account", box.upn.lower()),
                f"the mailbox forwards everything to {', '.join(where)}"
                + (" and keeps a copy" if box.forwarding.keep_copy else "")
                + ("" if lately else "; nothing about it changed in the window"),
                at=box.changed_at,
                severity=None if lately else "medium",
            )
