"""The columns of an event, the same in every row format; and texts that cannot hurt who reads them.

Attackers choose display names, rule names and subjects. Where a format has no way to carry a text unharmed (a cell, a line
of a report), :func:`visible` shows what would otherwise act: control characters, overrides of the writing direction,
invisible characters (Unicode TR #36, https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing).
"""

from __future__ import annotations

import re
from typing import Final

from tenantry.clock import rfc3339
from tenantry.timeline.model import TimelineEvent

__all__ = ["COLUMNS", "Row", "message", "row", "visible"]

Row = dict[str, str | int | bool | list[str]]

COLUMNS: Final = (
    *("at", "recorded_at", "lane", "kind", "title", "detail", "actor", "target", "phase", "step", "outcome"),
    *("source", "source_id", "certainty", "techniques", "time_after_record", "seq", "entry", "leaf"),
)

_BREAKS = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_HIDDEN = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
_FILLERS = ("\u115f", "\u1160", "\u3164", "\uffa0")
"""Those of them that Unicode counts as letters; no other is printable."""
_ACTS = re.compile(f"{_BREAKS.pattern}|\t|{_HIDDEN.pattern}")


def row(event: TimelineEvent) -> Row:
    """An event's columns, unaltered, in the order of :data:`COLUMNS`."""
    at = rfc3339(event.at)
    return {
        "at": at,
        "recorded_at": at if event.recorded_at is event.at else rfc3339(event.recorded_at),
        "lane": event.lane.value,
        "kind": event.kind,
        "title": event.title,
        "detail": event.detail,
        "actor": event.actor,
        "target": event.target,
        "phase": event.phase,
        "step": event.step,
        "outcome": event.outcome,
        "source": event.source,
        "source_id": event.source_id,
        "certainty": event.certainty,
        "techniques": list(event.techniques),
        "time_after_record": event.after_record,
        "seq": event.seq,
        "entry": event.entry,
        "leaf": event.leaf,
    }


def message(event: TimelineEvent) -> str:
    """The event in one sentence: what, to whom or what, by whom, and the detail."""
    target = f" ({event.target})" if event.target and event.target not in event.title else ""
    actor = f"{event.actor}: " if event.actor and event.lane.value == "people" else ""
    detail = f" | {event.detail}" if event.detail else ""
    return f"{actor}{event.title}{target}{detail}"


def visible(text: str) -> str:
    """The text on one line, with nothing in it that acts: line breaks become ``¶``, tabs spaces, and what is invisible or
    changes the direction of what follows becomes its code, like ``⟨U+202E⟩``."""
    if text.isprintable() and (text.isascii() or not any(filler in text for filler in _FILLERS)):
        return text
    if not _ACTS.search(text):
        return text
    text = _BREAKS.sub("¶", text).replace("\t", " ")
    return _HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)
