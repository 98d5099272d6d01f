"""One mailbox: its rules, rights, messages and phones. Graph and Exchange show the same object in two ways."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from integrations.lab.records import Record, Table

FOLDERS = {
    "inbox": "Inbox",
    "sentitems": "Sent Items",
    "drafts": "Drafts",
    "deleteditems": "Deleted Items",
    "junkemail": "Junk Email",
    "archive": "Archive",
    "rssfeeds": "RSS Feeds",
    "newsletters": "Newsletters",
}
"""Well-known names (the last two are the lab's own) and display names."""

WELL_KNOWN = frozenset(FOLDERS) - {"rssfeeds", "newsletters"}
"""Folders that Graph lets a client address by name."""

SYSTEM_RULES = (
    "Junk E-Mail Rule",
    "Microsoft.Exchange.OOF.KnownExternalSenders.Global",
    "Microsoft.Exchange.OOF.InternalSenders.Global",
)
"""Rules of the service itself. Only a listing with hidden rules shows them, and nobody may touch them."""


_NO_REPLY: dict[str, Any] = {
    "AutoReplyState": "Disabled",
    "InternalMessage": "",
    "ExternalMessage": "",
    "ExternalAudience": "All",
    "StartTime": "2026-01-01T00:00:00Z",
    "EndTime": "2026-01-02T00:00:00Z",
}
"""As a mailbox has it whose owner never set one."""


@dataclass(slots=True)
class Mailbox:
    """The state of one mailbox."""

    owner: int
    """Index of the user it belongs to."""
    guid: str
    settings: Record
    """Exchange's properties: forwarding, type."""
    rules: Table = field(default_factory=Table)
    """By rule identity (a decimal number as text)."""
    full_access: Table = field(default_factory=Table)
    """Mailbox permissions by trustee (lower-case address)."""
    send_as: Table = field(default_factory=Table)
    """Recipient permissions by trustee."""
    folder_rights: Table = field(default_factory=Table)
    """Folder permissions by ``folder/trustee``, both lower-case."""
    phones: Table = field(default_factory=Table)
    """Mobile devices by GUID."""
    messages: Table = field(default_factory=Table)
    """By message id; newest last."""
    meetings: Table = field(default_factory=Table)
    """By event id: `Tenant.calendar` fills it."""
    planned: bool = False
    """The calendar was filled."""
    reply: Record = field(default_factory=lambda: Record("reply", dict(_NO_REPLY)))
    """Exchange's properties of the automatic reply."""
    size: int = 1_288_490_188
    """Bytes of everything in it."""
    changed_at: str | None = None
    """When something about the mailbox was last changed; None: long ago."""

    def folder_id(self, name: str) -> str:
        """Graph's opaque id of a folder, from its well-known name."""
        return base64.urlsafe_b64encode(f"AAMk:{self.guid}:{name}".encode()).decode()

    def folder(self, key: str) -> str | None:
        """The folder's name for an id or a well-known name; None when there is none."""
        lowered = key.lower()
        if lowered in WELL_KNOWN:
            return lowered
        return next((name for name in FOLDERS if self.folder_id(name) == key), None)


def graph_rule_id(identity: str) -> str:
    """Graph's id of the rule that Exchange knows by ``identity``: the same 64-bit number, written otherwise."""
    return base64.b64encode(int(identity).to_bytes(8, "little")).decode().replace("/", "_").replace("+", "-")


def exchange_rule_identity(graph_id: str) -> str | None:
    """The other way round; None for a text that is no rule id."""
    try:
        raw = base64.b64decode(graph_id.replace("_", "/").replace("-", "+"), validate=True)
    except ValueError:
        return None
    return str(int.from_bytes(raw, "little")) if len(raw) == 8 else None


def rule(
    identity: str,
    name: str,
    *,
    priority: int,
    hidden: bool = False,
    system: bool = False,
    enabled: bool = True,
    contains: list[str] | None = None,
    from_addresses: list[str] | None = None,
    move_to: str | None = None,
    delete: bool = False,
    mark_read: bool = False,
    forward_to: list[str] | None = None,
    redirect_to: list[str] | None = None,
    forward_as_attachment_to: list[str] | None = None,
    stop: bool = False,
) -> Record:
    """An inbox rule in the lab's own words; ``move_to`` is a folder name of ``FOLDERS``."""
    props: dict[str, Any] = {
        "name": name,
        "priority": priority,
        "hidden": hidden,
        "system": system,
        "enabled": enabled,
        "contains": contains or [],
        "from": from_addresses or [],
        "move_to": move_to,
        "delete": delete,
        "mark_read": mark_read,
        "forward_to": forward_to or [],
        "redirect_to": redirect_to or [],
        "forward_as_attachment_to": forward_as_attachment_to or [],
        "stop": stop,
    }
    return Record(identity, props)
