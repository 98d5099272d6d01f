"""All mailboxes of one tenant at once, and what its mail passes through: read only, in as few requests as the vendor allows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from tenantry.capabilities.mail import Forwarding, InboxRule
from tenantry.errors import ProviderError


class _Fact(BaseModel):
    """As read from the vendor. ``raw`` is the vendor's own object, unaltered, for the evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Mailbox(_Fact):
    """One mailbox. Addresses are in lower case."""

    id: str
    """The directory's object id of its account."""
    address: str
    upn: str
    kind: str
    """The vendor's word: ``UserMailbox``, ``SharedMailbox`` …"""
    forwarding: Forwarding
    """Where it stands for somebody outside under a name of the address book, that somebody's address."""
    send_on_behalf: tuple[str, ...]
    """Who may send on behalf, as the vendor names them."""
    changed_at: datetime | None
    """When anything about it was last changed."""
    raw: dict[str, Any]


class SendAsRight(_Fact):
    """Somebody may send as a mailbox."""

    mailbox: str
    trustee: str
    raw: dict[str, Any]


class TransportRule(_Fact):
    """A rule for everybody's mail."""

    id: str
    name: str
    enabled: bool
    recipients: tuple[str, ...]
    """Addresses that it copies, adds or redirects mail to; lower case."""
    bypasses_filter: bool
    changed_at: datetime | None
    raw: dict[str, Any]


class RemoteDomain(_Fact):
    """What may be sent to a domain outside (``*``: to every other one) without anybody's doing."""

    name: str
    domain: str
    auto_forward: bool
    raw: dict[str, Any]


class AuditBypass(_Fact):
    """An account whose doings in mailboxes are not recorded."""

    account: str
    since: datetime | None
    raw: dict[str, Any]


class MailOrganization(_Fact):
    """Settings of the whole organisation; None: the vendor does not say."""

    audit_log: bool | None
    """The unified audit log takes records in."""
    mailbox_audit: bool | None
    raw: dict[str, Any]


class MailProtections(_Fact):
    """What keeps an organisation's mail from being misused; None: the vendor does not say."""

    basic_sending: bool | None
    """Programs may send with a name and a password alone (SMTP AUTH), unless their mailbox forbids it."""
    contacts_shared: tuple[str, ...]
    """Policies in force that show contacts to everybody."""
    calendars_shared: tuple[str, ...]
    """Policies in force that show everybody more of calendars than free and busy."""
    outsiders_marked: bool | None
    """Programs for mail show that a sender is from outside."""
    let_in: tuple[str, ...] | None
    """Addresses whose mail passes unfiltered."""
    safe_list: bool | None
    """So does the mail of whoever is on a list of the vendor's."""
    signed: Mapping[str, bool]
    """Domain (lower case) → whether its mail is signed (DKIM); one that is not there is not."""
    raw: dict[str, Any]


@runtime_checkable
class MailFlow(Protocol):
    """Provider contract. Reads only."""

    at_once: int
    """How many mailboxes :meth:`rules_of` takes best in one call."""

    async def domains(self) -> frozenset[str]:
        """Domains whose mail is the organisation's own; lower case."""
        ...

    def mailboxes(self) -> AsyncIterator[Mailbox]:
        """Every mailbox, streamed."""
        ...

    async def rules_of(self, mailboxes: Sequence[Mailbox]) -> Sequence[Sequence[InboxRule] | ProviderError]:
        """The rules of each, in their order, hidden ones included; the vendor's system rules left out. For one whose rules could not
        be read: why. Raises only what concerns all of them."""
        ...

    def send_as(self) -> AsyncIterator[SendAsRight]:
        """Who may send as whom, all over the organisation; inherited and self entries left out."""
        ...

    def transport_rules(self) -> AsyncIterator[TransportRule]: ...

    def remote_domains(self) -> AsyncIterator[RemoteDomain]: ...

    def audit_bypasses(self) -> AsyncIterator[AuditBypass]:
        """Only accounts that are passed over."""
        ...

    async def organization(self) -> MailOrganization: ...

    async def protections(self) -> MailProtections: ...

    async def forwards_out(self) -> bool | None:
        """Whether some outbound policy lets automatic forwards out, whatever remote domains say; None: the vendor does not say."""
        ...
