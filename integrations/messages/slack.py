"""Slack: an incoming webhook.

Sources: docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (``ok``; invalid_payload, no_service, channel_is_archived),
docs.slack.dev/messaging/formatting-message-text (``&``, ``<`` and ``>`` are escaped, and are then never a link or a mention),
docs.slack.dev/reference/block-kit/blocks (``plain_text``; 3,000 characters a section, 50 blocks a message), one message a second.
"""

from __future__ import annotations

from typing import Any, Final

from integrations.http import Answer
from integrations.messages.webhook import Dialect
from tenantry.capabilities import Message

__all__ = ["SLACK"]

_SECTION: Final = 2_900
_HEADER: Final = 150
_BLOCKS: Final = 48
_CUT: Final = "(cut here; the whole message stands in the record)"


def _body(label: str, message: Message) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = []
    if label:
        blocks.append({"type": "context", "elements": [_plain(label)]})
    if len(message.subject) <= _HEADER:
        blocks.append({"type": "header", "text": _plain(message.subject)})
    else:
        blocks.append({"type": "section", "text": _plain(message.subject)})
    sections = _sections(message.text)
    room = _BLOCKS - len(blocks)
    if len(sections) > room:
        sections = [*sections[: room - 1], _CUT]
    blocks += [{"type": "section", "text": _plain(text)} for text in sections]
    # What notifications show instead of the blocks.
    return {"text": _escaped(f"{label}: {message.subject}" if label else message.subject), "blocks": blocks}


def _sections(text: str) -> list[str]:
    """Cut at line ends where that is possible."""
    sections = [""]
    for line in text.rstrip("\n").splitlines(keepends=True):
        for start in range(0, len(line), _SECTION):
            piece = line[start : start + _SECTION]
            if len(sections[-1]) + len(piece) > _SECTION:
                sections.append("")
            sections[-1] += piece
    return [section for section in sections if section.strip()]


def _plain(text: str) -> dict[str, Any]:
    """Text without markup: nothing in it becomes a link, a mention or an emoji."""
    return {"type": "plain_text", "text": text, "emoji": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _took(answer: Answer) -> bool:
    return answer.body.strip() == b"ok"


SLACK: Final = Dialect(
    name="Slack", hosts=("hooks.slack.com", "hooks.slack-gov.com"), retired=(), body=_body, took=_took
)
