"""Mailboxes, one at a time: where they forward to, which rules they have, who may send as them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from tenantry.abreast import abreast
from tenantry.capabilities import InboxRule, Mailbox, MailFlow, SendAsRight
from tenantry.errors import CannotCheck, ProviderError
from tenantry.sweep.check import Giver, Look, collector
from tenantry.task import Permission

__all__ = ["MailboxRules", "MailboxSettings", "SendAs", "inbox_rules", "mailboxes", "outside", "send_as"]

_EXCHANGE: Final = Permission(vendor="microsoft365", names=("Exchange.ManageAsApp",))
_WIDTH: Final = 4
"""Calls for rules that are open at the same time; each is for many mailboxes and fills what a vendor lets one ask at once, and the next
ones are ready when it ends."""


def outside(addresses: Sequence[str], own: frozenset[str], look: Look) -> list[str]:
    """Those addresses that are neither of the client's domains nor of those that its mail system accepts as its own."""
    return sorted(
        {one for one in addresses if not look.known.inside(one) and one.rpartition("@")[2].strip().lower() not in own}
    )


@dataclass(frozen=True, slots=True)
class MailboxRules:
    """The rules of one mailbox, hidden ones included."""

    owner: Mailbox
    found: Sequence[InboxRule] | ProviderError
    own: frozenset[str] = frozenset()
    """The organisation's own domains."""

    @property
    def rules(self) -> Sequence[InboxRule]:
        """Raises CannotCheck: this mailbox's rules could not be read."""
        if isinstance(self.found, ProviderError):
            raise CannotCheck(f"the rules of {self.owner.address} could not be read: {self.found.message}")
        return self.found


@dataclass(frozen=True, slots=True)
class MailboxSettings:
    """One mailbox as a whole."""

    mailbox: Mailbox
    own: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SendAs:
    """A right to send as a mailbox."""

    right: SendAsRight
    own: frozenset[str] = frozenset()


@collector(
    "mail_flow",
    permissions=(Permission(vendor="microsoft365", names=("MailboxSettings.Read", "Exchange.ManageAsApp")),),
    first=True,
)
async def inbox_rules(given: Giver) -> AsyncIterator[MailboxRules]:
    """Of every mailbox."""
    flow: MailFlow = await given.capability("mail_flow")

    async def ask(boxes: list[Mailbox]) -> list[MailboxRules]:
        answers, own = await asyncio.gather(flow.rules_of(boxes), flow.domains())
        return [MailboxRules(box, found, own) for box, found in zip(boxes, answers, strict=True)]

    async for found in abreast(_parts(flow.mailboxes(), flow.at_once), ask, _WIDTH):
        for one in found:
            yield one


async def _parts(boxes: AsyncIterator[Mailbox], size: int) -> AsyncIterator[list[Mailbox]]:
    part: list[Mailbox] = []
    async for box in boxes:
        part.append(box)
        if len(part) >= size:
            yield part
            part = []
    if part:
        yield part


@collector("mail_flow", permissions=(_EXCHANGE,))
async def mailboxes(given: Giver) -> AsyncIterator[MailboxSettings]:
    """Every mailbox."""
    flow: MailFlow = await given.capability("mail_flow")
    own: frozenset[str] | None = None  # asked for when a row needs them: the list does not wait
    async for mailbox in flow.mailboxes():
        own = await flow.domains() if own is None else own
        yield MailboxSettings(mailbox, own)


@collector("mail_flow", permissions=(_EXCHANGE,))
async def send_as(given: Giver) -> AsyncIterator[SendAs]:
    """Every right to send as somebody else."""
    flow: MailFlow = await given.capability("mail_flow")
    own: frozenset[str] | None = None
    async for right in flow.send_as():
        own = await flow.domains() if own is None else own
        yield SendAs(right, own)
