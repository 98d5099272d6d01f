"""Microsoft Teams: a card posted to a Workflows webhook ("Post to a channel when a webhook request is received").

Sources: learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook (body), adaptivecards.io/explorer
(RichTextBlock, since 1.2). The connectors of Office 365 (``webhook.office.com``) are retired.

The text is put into TextRuns, which know no Markdown: a name that an attacker chose shows as it is and never as a link. 202 means that the
workflow was started, not that somebody has seen the card.
"""

from __future__ import annotations

from typing import Any, Final

from integrations.http import Answer
from integrations.messages.webhook import Dialect
from tenantry.capabilities import Message

__all__ = ["LONGEST", "TEAMS"]

LONGEST: Final = 16_000
"""Bytes of text in one card; a message of Teams has some 28 KB with all of its structure."""
_CUT: Final = "(cut here; the whole message stands in the record)"


def _body(label: str, message: Message) -> dict[str, Any]:
    head = [_line(label, isSubtle=True)] if label else []
    lines = [_line(message.subject, bold=True, spacing="None")]
    room, spacing = LONGEST, "Medium"
    for text in message.text.rstrip("\n").split("\n"):
        if not text.strip():
            spacing = "Medium"
            continue
        room -= len(text.encode()) + 120  # the structure around a line
        if room < 0:
            lines.append(_line(_CUT, spacing="Medium"))
            break
        lines.append(_line(text, spacing=spacing))
        spacing = "None"
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": [*head, *lines],
                },
            }
        ],
    }


def _line(
    text: str, *, bold: bool = False, isSubtle: bool = False, spacing: str = "Default"
) -> dict[str, Any]:  # the card's word
    run: dict[str, Any] = {"type": "TextRun", "text": text}
    if bold:
        run |= {"weight": "Bolder", "size": "Medium"}
    if isSubtle:
        run["isSubtle"] = True
    return {"type": "RichTextBlock", "spacing": spacing, "inlines": [run]}


def _took(answer: Answer) -> bool:
    return answer.status == 202 or not answer.body.strip()


TEAMS: Final = Dialect(
    name="Microsoft Teams", hosts=(), retired=("webhook.office.com", "outlook.office.com"), body=_body, took=_took
)
