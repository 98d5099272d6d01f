"""Mailboxes of one tenant: rules, forwarding, delegates, mobile devices, sent messages, meetings, and what others see of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InboxRule(_Fact):
    id: str
    name: str
    enabled: bool
    hidden: bool
    """Not shown by Outlook or Graph; only Exchange's own listing has it (a known way to persist, ATT&CK T1564.008)."""
    forward_to: tuple[str, ...]
    redirect_to: tuple[str, ...]
    move_to_folder: str | None
    delete: bool
    mark_read: bool
    words: tuple[str, ...] = ()
    """Words in subject, text or header on which it acts."""
    raw: dict[str, Any]


class Forwarding(_Fact):
    """Mailbox-level forwarding (not rules). Both addresses None: none."""

    address: str | None = None
    smtp_address: str | None = None
    keep_copy: bool = False

    @property
    def active(self) -> bool:
        return bool(self.address or self.smtp_address)


class Delegate(_Fact):
    kind: Literal["full_access", "send_as", "folder"]
    trustee: str
    """Lower-case address of who may act."""
    rights: tuple[str, ...]
    folder: str | None = None
    raw: dict[str, Any]

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.trustee}" + (f":{self.folder}" if self.folder else "")


class Appearance(_Fact):
    """What others see of a mailbox, and how much is in it."""

    address: str
    """The one that it sends from; lower case."""
    kind: Literal["regular", "shared", "other"]
    """``other``: a room, equipment …"""
    hidden: bool
    """Not shown in the organisation's address lists."""
    synced: bool
    """Mastered on premises: the vendor refuses to change what is written there."""
    size: int | None
    """Bytes; None: the vendor does not say."""
    raw: dict[str, Any]


class AutomaticReply(_Fact):
    """What a mailbox answers by itself to whoever writes."""

    state: Literal["off", "on", "scheduled"] = "off"
    """``scheduled``: on between two times."""
    inside: str = ""
    """To senders of the organisation; HTML, as ``outside``."""
    outside: str = ""
    audience: Literal["none", "known", "all"] = "none"
    """Who of outside gets an answer; ``known``: who is among the contacts."""
    since: datetime | None = None
    until: datetime | None = None


class Meeting(_Fact):
    """An entry of the calendar with other people in it, alone or a series."""

    id: str
    subject: str
    starts_at: datetime
    """Of a series: its first."""
    until: datetime | None
    """Of a series: its last day; None: without end. Of one alone: its end."""
    series: bool
    organizer: str
    """Address; lower case."""
    organized: bool
    """By the owner of this mailbox."""
    declined: bool
    attendees: tuple[str, ...]
    """Addresses; lower case."""
    raw: dict[str, Any]


class MobileDevice(_Fact):
    id: str
    name: str
    first_sync: datetime | None
    raw: dict[str, Any]


class SentMessage(_Fact):
    id: str
    at: datetime
    subject: str
    recipients: tuple[str, ...]
    internet_message_id: str
    raw: dict[str, Any]


@runtime_checkable
class Mail(Protocol):
    """Provider contract. ``mailbox`` is an address or object id."""

    async def rules(self, mailbox: str) -> Sequence[InboxRule]:
        """All rules, hidden ones included; the vendor's system rules left out."""
        ...

    async def set_rule_enabled(self, mailbox: str, rule_id: str, enabled: bool) -> None: ...

    async def remove_rule(self, mailbox: str, rule_id: str) -> None:
        """Absent counts as removed."""
        ...

    async def forwarding(self, mailbox: str) -> Forwarding: ...

    async def set_forwarding(self, mailbox: str, forwarding: Forwarding) -> None: ...

    async def delegates(self, mailbox: str) -> Sequence[Delegate]:
        """Full access, send-as and folder rights that were granted (inherited and self entries left out)."""
        ...

    async def remove_delegate(self, mailbox: str, delegate: Delegate) -> None:
        """Absent counts as removed."""
        ...

    async def add_delegate(self, mailbox: str, delegate: Delegate) -> None: ...

    async def appearance(self, mailbox: str) -> Appearance: ...

    async def set_hidden(self, mailbox: str, hidden: bool) -> None:
        """Raises Rejected for a mailbox that is mastered on premises."""
        ...

    async def set_shared(self, mailbox: str, shared: bool) -> None:
        """A mailbox that no licence is needed for and nobody signs in to, or one person's again."""
        ...

    async def automatic_reply(self, mailbox: str) -> AutomaticReply: ...

    async def set_automatic_reply(self, mailbox: str, reply: AutomaticReply) -> None: ...

    async def meetings(self, mailbox: str, since: datetime) -> Sequence[Meeting]:
        """Meetings that are still to come at that time; a series once, as long as some of it is. Cancelled ones and entries without other people are left out."""
        ...

    async def leave_meeting(self, mailbox: str, meeting: Meeting, comment: str) -> None:
        """Cancel one that its owner organized, decline another; everybody in it is told. Absent counts as left."""
        ...

    async def mobile_devices(self, mailbox: str) -> Sequence[MobileDevice]: ...

    def sent(self, mailbox: str, since: datetime, until: datetime) -> AsyncIterator[SentMessage]:
        """Messages sent from the mailbox, newest first."""
        ...
