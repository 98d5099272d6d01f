"""Inbox rules as Exchange writes them (get-inboxrule), and whose number Graph gives them."""

from __future__ import annotations

import base64
import re
from typing import Any, Final

from integrations.microsoft365._read import text
from tenantry.capabilities import InboxRule

__all__ = ["addresses", "graph_number", "inbox_rule", "is_system", "rule_id"]

_SYSTEM_RULE: Final = re.compile(r"Junk E-Mail Rule|Microsoft\.Exchange\.OOF\..*")
_SENDING_ACTIONS: Final = ("ForwardTo", "ForwardAsAttachmentTo", "RedirectTo", "DeleteMessage", "SoftDeleteMessage")
_SMTP: Final = re.compile(r"\[SMTP:([^\]]+)\]", re.IGNORECASE)
_WORDS: Final = (
    "SubjectContainsWords",
    "SubjectOrBodyContainsWords",
    "BodyContainsWords",
    "HeaderContainsWords",
)


def rule_id(row: dict[str, Any]) -> str:
    """The rule's own number; ``Identity`` holds the mailbox's alias besides, which may change."""
    return text(row.get("RuleIdentity") or text(row.get("Identity")).rpartition("\\")[2])


def graph_number(id: str) -> str | None:
    """The number that Exchange knows a rule by, from Graph's id: the same 64 bits, written otherwise. None for another form."""
    try:
        raw = base64.b64decode(id.replace("_", "/").replace("-", "+"), validate=True)
    except ValueError:
        return None
    return str(int.from_bytes(raw, "little")) if len(raw) == 8 else None


def is_system(row: dict[str, Any]) -> bool:
    """One of the service's own, by its name, unless it sends mail on or deletes it: theirs never do, and a name is easily borrowed."""
    if not _SYSTEM_RULE.fullmatch(text(row.get("Name"))):
        return False
    return not any(row.get(name) for name in _SENDING_ACTIONS)


def inbox_rule(row: dict[str, Any], *, hidden: bool) -> InboxRule:
    """One rule."""
    return InboxRule(
        id=rule_id(row),
        name=text(row.get("Name")),
        enabled=row.get("Enabled") is not False,
        hidden=hidden,
        forward_to=(*addresses(row.get("ForwardTo")), *addresses(row.get("ForwardAsAttachmentTo"))),
        redirect_to=addresses(row.get("RedirectTo")),
        move_to_folder=text(row.get("MoveToFolder")) or None,
        delete=row.get("DeleteMessage") is True or row.get("SoftDeleteMessage") is True,
        mark_read=row.get("MarkAsRead") is True,
        words=tuple(word for name in _WORDS for word in _texts(row.get(name))),
        raw=row,
    )


def addresses(value: Any) -> tuple[str, ...]:
    """``"Name" [SMTP:a@b]`` → ``a@b``; an address book entry (``[EX:…]``) stays as it is."""
    found = []
    for entry in _texts(value):
        match = _SMTP.search(entry)
        found.append((match[1] if match else re.sub(r"^smtp:", "", entry, flags=re.IGNORECASE)).lower())
    return tuple(found)


def _texts(value: Any) -> list[str]:
    entries = value if isinstance(value, list) else [value] if value else []
    return [text(entry) for entry in entries]
