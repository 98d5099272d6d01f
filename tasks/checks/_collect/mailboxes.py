"""Mailboxes, one at a time: whose they are and which rules they have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from tasks.checks._collect.abreast import abreast
from tenantry.capabilities import Account, InboxRule
from tenantry.errors import TargetNotFound
from tenantry.sweep.check import Giver, collector
from tenantry.task import Permission

__all__ = ["MailboxRules", "inbox_rules"]


@dataclass(frozen=True, slots=True)
class MailboxRules:
    """The rules of one mailbox, hidden ones included."""

    owner: Account
    rules: Sequence[InboxRule]


@collector(
    "identity",
    "mail",
    permissions=(
        Permission(vendor="microsoft365", names=("User.Read.All", "MailboxSettings.Read", "Exchange.ManageAsApp")),
    ),
)
async def inbox_rules(given: Giver) -> AsyncIterator[MailboxRules]:
    """Of every account that has a mailbox."""
    identity, mail = await given.capability("identity"), await given.capability("mail")

    async def ask(owner: Account) -> MailboxRules | None:
        try:
            return MailboxRules(owner, await mail.rules(owner.upn))
        except TargetNotFound:  # an account without a mailbox
            return None

    async for found in abreast(identity.accounts(), ask):
        if found is not None:
            yield found
