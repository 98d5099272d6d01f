"""Clocks of notification and of the agreement as bars: from the start to the time when it is due, and how far it went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from tenantry.timeline.markup import Markup, h
from tenantry.timeline.model import ClockRow, ClockState
from tenantry.timeline.words import human_name, moment, span

__all__ = ["bars"]

_WIDTH: Final = 600.0
_WORDS: Final = {
    ClockState.MET: ("met", "good"),
    ClockState.MISSED: ("missed", "bad"),
    ClockState.RUNNING: ("running", "people"),
    ClockState.OVERDUE: ("overdue", "bad"),
}


def bars(clocks: Sequence[ClockRow], as_of: datetime) -> list[Markup]:
    """One row a clock, the first due first."""
    lead = (
        "A notification's clock starts from a person's recorded determination, one of the agreement (sla) when the alert came. "
        f"Clocks that still run are shown as of {moment(as_of)}."
    )
    return [h("p", lead, class_="lead"), h("div", *(_bar(clock) for clock in clocks), class_="clocks")]


def _bar(clock: ClockRow) -> Markup:
    word, look = _WORDS[clock.state]
    late = clock.margin < timedelta(0)
    left = f"{span(abs(clock.margin))} {'too late' if late else 'left' if clock.stopped_at is None else 'to spare'}"
    stopped = f"; stopped {moment(clock.stopped_at)}" if clock.stopped_at else ""
    by = f"; determined by {clock.determined_by}" if clock.determined_by else ""
    return h(
        "div",
        h(
            "div",
            h("bdi", human_name(clock.name)),
            *(h("small", h("bdi", line)) for line in (clock.duty, clock.source) if line),
            class_="name",
        ),
        h(
            "div",
            _svg(clock, f"{clock.name}: {word}, {left}"),
            h("small", f"{moment(clock.started_at)} → due {moment(clock.due_at)}{stopped}{by}"),
        ),
        h("div", h("span", word, class_=f"pill {look}"), h("small", left)),
        class_="clock",
    )


def _svg(clock: ClockRow, told: str) -> Markup:
    whole = max((max(clock.due_at, clock.seen_at) - clock.started_at).total_seconds(), 1e-6)
    used = min(max((clock.seen_at - clock.started_at).total_seconds() / whole, 0.0), 1.0) * _WIDTH
    due = min(max((clock.due_at - clock.started_at).total_seconds() / whole, 0.0), 1.0) * _WIDTH
    return h(
        "svg",
        h("title", told),
        h("rect", class_="track", x=0, y=8, width=due, height=14, rx=4),
        h("rect", class_=f"used {clock.state.value}", x=0, y=8, width=max(used, 3.0), height=14, rx=4),
        h("line", class_="due", x1=min(due, _WIDTH - 1), x2=min(due, _WIDTH - 1), y1=3, y2=27),
        viewBox=f"0 0 {_WIDTH:.0f} 30",
        preserveAspectRatio="none",
        role="img",
    )
