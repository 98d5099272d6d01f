"""What the parts of the PDF report are made of, as its layout (``page/report.typ``) takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tenantry.timeline.glyphs import printable
from tenantry.timeline.model import Timeline, TimelineEvent
from tenantry.timeline.words import moment, outcome_words

__all__ = [
    "MAX_EVENTS",
    "MAX_STEPS",
    "Cell",
    "Part",
    "Piece",
    "Printable",
    "Section",
    "cut_words",
    "flags",
    "outcome",
    "piece",
    "table",
    "when",
]


MAX_EVENTS: Final = 3_000
"""Events that are printed; of more, the platform's routine is left out, which the report says. Other formats have all."""
MAX_STEPS: Final = 3_000
_LOOKS: Final = {
    "changed": "good",
    "would_change": "warn",
    "failed": "bad",
    "undo_failed": "bad",
    "unknown": "warn",
    "undone": "violet",
}
Piece = dict[str, str]
Cell = str | list[Piece]
Part = dict[str, Any]
Printable = Callable[..., str]
"""``(text, limit)`` → the text as the fonts can show it, cut to that many characters."""


class Section:
    """A part of the report. ``text`` makes a recorded text printable."""

    def __init__(self, timeline: Timeline, events: Sequence[TimelineEvent], text: Printable) -> None:
        self._t = timeline
        self._events = events
        self._text = text


def piece(kind: str, text: str) -> Piece:
    """Text of one kind: ``text``, ``small``, ``strong``, ``code``, ``flag`` or ``pill``."""
    return {"kind": kind, "text": text}


def table(head: Sequence[str], widths: Sequence[str], rows: Iterable[Any]) -> dict[str, Any]:
    """``widths`` in mm or fr; a row that is a text is a heading inside the table."""
    listed = [{"group": row} if isinstance(row, str) else {"cells": row} for row in rows]
    return {"head": head, "widths": widths, "rows": listed}


def when(at: datetime) -> list[Piece]:
    """A time as a cell, UTC, with milliseconds."""
    utc = at.astimezone(UTC)
    return [piece("text", f"{utc:%Y-%m-%d %H:%M:%S}.{utc.microsecond // 1000:03}")]


def outcome(outcome: str, task: str = "") -> Piece:
    """An outcome as a pill."""
    return {**piece("pill", printable(outcome_words(outcome, task), 30)), "look": _LOOKS.get(outcome, "calm")}


def flags(event: TimelineEvent) -> list[Piece]:
    """A warning beside an event whose own time is later than its record."""
    if not event.after_record:
        return []
    return [piece("flag", f"bears a time later than its record ({moment(event.recorded_at)}): a clock was wrong")]


def cut_words(count: int, what: str) -> str:
    """A sentence on what a table of so many rows leaves out; empty when it leaves out nothing."""
    return (
        f" {count - MAX_EVENTS:,} more {what} are left out here; the other formats have them."
        if count > MAX_EVENTS
        else ""
    )
