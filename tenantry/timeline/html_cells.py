"""Small parts of the HTML page that several tables share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from tenantry.clock import rfc3339
from tenantry.timeline.markup import Markup, h
from tenantry.timeline.model import TimelineEvent
from tenantry.timeline.words import (
    CERTAINTY,
    clip,
    moment,
    outcome_words,
    short_day,
)

__all__ = ["certainty", "filters", "flag", "hour", "pill", "table", "time_cell"]


_LOOKS: Final = {
    "changed": ("good", "✓"),
    "already": ("", "="),
    "observed": ("", "○"),
    "would_change": ("warn", "△"),
    "failed": ("bad", "✕"),
    "unknown": ("warn", "?"),
    "skipped": ("", "–"),
    "undone": ("violet", "↶"),
    "undo_failed": ("bad", "✕"),
    "kept": ("", "="),
    "": ("", "…"),
}
"""Outcome → colour and sign; the word stands beside them."""


def flag(event: TimelineEvent) -> Markup:
    """A warning beside an event whose own time is later than its record; empty for all others."""
    if not event.after_record:
        return Markup("")
    return h(
        "div",
        f"⚠ bears a time later than its record ({moment(event.recorded_at)}): a clock was wrong",
        class_="flagged",
    )


def filters(name_of_table: str, *fields: tuple[str, str, Sequence[tuple[str, str]]]) -> Markup:
    """The form that filters a table; the script finds the table by its id. ``fields``: name, label and ``(value, word)`` of each choice."""
    parts = [
        h(
            "label",
            label,
            h(
                "select",
                h("option", "all", value=""),
                *(h("option", clip(word, 60), value=value) for value, word in options),
                name=name,
            ),
        )
        for name, label, options in fields
        if len(options) > 1
    ]
    return h(
        "form",
        *parts,
        h("label", "Text", h("input", type="search", name="text", placeholder="words to find", autocomplete="off")),
        h("button", "Show all", type="reset"),
        h("output", "", aria_live="polite"),
        class_="filter",
        data_table=name_of_table,
        aria_label="Filter",
    )


def table(head: Iterable[str], rows: Iterable[Markup], *, caption: str = "", class_: str | None = None) -> Markup:
    """A table that scrolls on narrow screens, with its caption as what it is called aloud."""
    drawn = h(
        "table",
        h("caption", caption) if caption else "",
        h("thead", h("tr", *(h("th", name, scope="col") for name in head))),
        h("tbody", *rows),
        class_=class_,
    )
    return h("div", drawn, class_="scroll", tabindex=0, role="group", aria_label=caption or "Table")


def pill(outcome: str, task: str = "") -> Markup:
    """An outcome as a word with a sign, so that colour is not all that tells."""
    look, sign = _LOOKS.get(outcome, ("", "·"))
    return h("span", f"{sign} {outcome_words(outcome, task)}", class_=f"pill {look}".strip())


def certainty(name: str) -> Markup:
    """How sure something is, with what the word means in the tooltip."""
    look = {"uncertain": "warn", "stated": "people"}.get(name, "")
    return h("span", name, class_=f"pill {look}".strip(), title=CERTAINTY.get(name))


def time_cell(at: datetime) -> Markup:
    """A cell with the time of day, and the day below it."""
    return h("td", h("time", hour(at), datetime=rfc3339(at)), h("small", f"{short_day(at)} {at.year}"), class_="time")


def hour(at: datetime) -> str:
    """``03:04:05.006``, UTC."""
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03}"
