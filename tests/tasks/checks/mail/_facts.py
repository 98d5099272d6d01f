"""Facts about mailboxes, as collectors give them."""

from __future__ import annotations

from typing import Any

from tasks.checks._collect.mailboxes import MailboxRules, MailboxSettings
from tenantry.capabilities import Forwarding, InboxRule, Mailbox
from tenantry.errors import Rejected

ANNA = "anna@acme.example"
UNREAD = Rejected("the mailbox is being moved", vendor="lab")
OWN = frozenset({"acme-group.example"})


def mailbox(forwarding: Forwarding | None = None, **of: Any) -> Mailbox:
    return Mailbox(
        **{
            "id": "id-anna",
            "address": ANNA,
            "upn": ANNA,
            "kind": "UserMailbox",
            "forwarding": forwarding or Forwarding(),
            "send_on_behalf": (),
            "changed_at": None,
            "raw": {},
            **of,
        }
    )


def rules(**of: Any) -> MailboxRules:
    """A mailbox with one rule."""
    rule = {
        "id": "r1",
        "name": "Newsletters",
        "enabled": True,
        "hidden": False,
        "forward_to": (),
        "redirect_to": (),
        "move_to_folder": None,
        "delete": False,
        "mark_read": False,
        "raw": {},
        **of,
    }
    return MailboxRules(mailbox(), [InboxRule(**rule)], OWN)


NO_RULES = MailboxRules(mailbox(), [], OWN)
UNREAD_RULES = MailboxRules(mailbox(), UNREAD, OWN)


def settings(forwarding: Forwarding | None = None, **of: Any) -> MailboxSettings:
    return MailboxSettings(mailbox(forwarding, **of), OWN)
