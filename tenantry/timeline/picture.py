"""The picture of a timeline: lanes of attacker, people and platform over time, as one SVG.

Shape tells as much as colour does, every mark says in a tooltip what it stands for, and the tables below say all of it
again. Marks that would lie on each other become one with a number.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tenantry.timeline.axis import Axis, Segment
from tenantry.timeline.markup import Markup, h, join
from tenantry.timeline.model import Lane, Moment, Timeline, TimelineEvent
from tenantry.timeline.words import clip, human_name, moment, plural, short_day, span

__all__ = ["draw", "drawn_legend", "legend", "legend_words"]

WIDTH: Final = 1240
LEFT: Final = 128.0
RIGHT: Final = 1140.0
_ROW: Final = 27.0
_LABEL: Final = 15.0
_CHAR: Final = 5.9
"""Width of a character of a label, pixels: an estimate that errs to the wide side for Latin text at 11 px."""
_LEAST_LABEL: Final = 90.0
"""A label that has less room than this is left out."""
_TOGETHER: Final = 9.0
"""Marks nearer than this are one."""

_CROWD: Final = 60
_BAD: Final = frozenset({"failed", "undo_failed", "unknown"})
_QUIET: Final = frozenset({"intent", "undo_intent", "condition", "targets", "question_closed", "started"})
"""Platform events that the tables have and the picture leaves out: the mark of what came of them stands there."""
_MARKS: Final = (
    "failed",
    "undo_failed",
    "unknown",
    "undone",
    "changed",
    "message_sent",
    "would_change",
    "read",
    "answer_taken",
    "already",
)
"""What a mark shows when several events share it: the first of these that is among them."""


def draw(timeline: Timeline) -> Markup:
    """The picture; empty when there is nothing to draw."""
    events = list(timeline.events)
    if not events:
        return Markup("")
    times = [event.at for event in events] + [event.recorded_at for event in events if event.span]
    times += [moment.at for moment in timeline.moments]
    axis = Axis(times, LEFT, RIGHT)
    drawing = _Drawing(timeline, events, axis)
    return drawing.svg()


@dataclass(slots=True)
class _Mark:
    x: float
    events: list[TimelineEvent] = field(default_factory=list)

    @property
    def label(self) -> str:
        first = self.events[0]
        more = f" +{len(self.events) - 1}" if len(self.events) > 1 else ""
        return clip(first.title, 34) + more


class _Labels:
    """Puts labels above a line of marks, on as many levels as needed, so that neither texts nor leaders cross a text."""

    def __init__(self, levels: int, right: float, *, flat: bool = False) -> None:
        self._levels = levels
        self._flat = flat
        """Rather to the other side than to a higher level."""
        self._right = right
        self._texts: list[tuple[int, float, float]] = []
        self._leaders: list[tuple[int, float]] = []

    def place(self, x: float, width: float) -> tuple[int, bool, float] | None:
        """Level, whether the text stands to the left of the leader, and its width, which is less than asked for at the
        right edge; None when there is no room."""
        sides = (False, True)
        order = (
            itertools.product(range(self._levels), sides)
            if self._flat
            else ((n, s) for s in sides for n in range(self._levels))
        )
        for level, flipped in order:
            fits = width if flipped or self._flat else min(width, self._right - x - 4)
            left, right = (x - 4 - fits, x - 4) if flipped else (x + 4, x + 4 + fits)
            enough = fits >= min(width, _LEAST_LABEL)
            if enough and right <= self._right and left >= LEFT - 20 and self._free(level, x, left, right):
                self._texts.append((level, left, right))
                self._leaders.append((level, x))
                return level, flipped, fits
        return None

    def _free(self, level: int, x: float, left: float, right: float) -> bool:
        for other, its_left, its_right in self._texts:
            if other == level and left - 7 < its_right and its_left < right + 7:
                return False
            if other < level and its_left - 3 < x < its_right + 3:
                return False
        return not any(other >= level and left - 3 < at < right + 3 for other, at in self._leaders)

    @property
    def used(self) -> int:
        return max((level for level, _ in self._leaders), default=-1) + 1


class _Drawing:
    def __init__(self, timeline: Timeline, events: Sequence[TimelineEvent], axis: Axis) -> None:
        self._t = timeline
        self._events = events
        self._axis = axis
        self._parts: list[Markup] = []

    def svg(self) -> Markup:
        top, flags = self._flags()
        y = top
        bands: list[tuple[Lane, float, float]] = []
        for lane in (Lane.ATTACKER, Lane.PEOPLE):
            height = self._lane(lane, y)
            bands.append((lane, y, height))
            y += height
        height = self._platform(y)
        bands.append((Lane.PLATFORM, y, height))
        y += height
        back = [self._band(*band) for band in bands]
        back += [self._gap(gap.left, gap.right, top, y, span(gap.length)) for gap in self._axis.gaps]
        scale = self._scale(y)
        lines = [
            h("line", class_=f"moment m-{m.key}", x1=self._axis.x(m.at), x2=self._axis.x(m.at), y1=top - 4, y2=y)
            for m in self._t.moments
        ]
        return h(
            "svg",
            h("title", "Timeline in lanes", id="picture-title"),
            h("desc", self._described(), id="picture-desc"),
            *back,
            *lines,
            *self._parts,
            *flags,
            *scale,
            viewBox=f"0 0 {WIDTH} {y + 46:.0f}",
            role="img",
            aria_labelledby="picture-title picture-desc",
            class_="picture",
            xmlns="http://www.w3.org/2000/svg",
        )

    def _described(self) -> str:
        counts = Counter(event.lane for event in self._events)
        parts = [f"{plural(counts[lane], 'event')} of {name}" for lane, name in _WHO.items() if counts[lane]]
        turning = "; ".join(f"{m.label} {moment(m.at)}" for m in self._t.moments)
        return f"{', '.join(parts)}. {turning}. Everything shown here stands in the tables below."

    # --- turning points -----------------------------------------------------------------------------------------------

    def _flags(self) -> tuple[float, list[Markup]]:
        """The labels of the turning points above the lanes; and how much room they take."""
        found: list[tuple[Moment, float, int, bool]] = []
        for flat in (True, False):
            labels = _Labels(8, WIDTH, flat=flat)
            found = []
            for m in reversed(self._t.moments):
                x = self._axis.x(m.at)
                place = labels.place(x, max(len(m.label) * 7.6, 100.0) + 6)
                if place is not None:
                    found.append((m, x, place[0], place[1]))
            if len(found) == len(self._t.moments):
                break
        top = 10 + labels.used * 36.0
        flags = []
        for m, x, level, flipped in found:
            y = top - 8 - level * 36
            anchor = "end" if flipped else "start"
            at = x - 6 if flipped else x + 6
            flags.append(
                h(
                    "g",
                    h("title", f"{m.label}: {moment(m.at)}; {m.basis}"),
                    h("line", class_=f"moment m-{m.key}", x1=x, x2=x, y1=y - 26, y2=top),
                    h("text", m.label, x=at, y=y - 15, text_anchor=anchor, class_="flag"),
                    h("text", _short(m.at), x=at, y=y - 2, text_anchor=anchor, class_="flagtime"),
                )
            )
        return top, flags

    # --- lanes --------------------------------------------------------------------------------------------------------

    def _lane(self, lane: Lane, top: float) -> float:
        """Draw the attacker's or people's lane; its height."""
        own = [event for event in self._events if event.lane is lane]
        marks = _marks(own, self._axis)
        labels = _Labels(11, WIDTH - 4)
        placed = [(mark, labels.place(mark.x, len(mark.label) * _CHAR)) for mark in reversed(marks)]
        base = top + 22 + labels.used * _LABEL
        for mark, place in placed:
            parts = [h("title", _told(mark.events))]
            if place is not None:
                level, flipped, width = place
                y = base - 16 - level * _LABEL
                parts.append(h("line", class_="leader", x1=mark.x, x2=mark.x, y1=y + 2, y2=base))
                parts.append(
                    h(
                        "text",
                        clip(mark.label, int(width / _CHAR)),
                        class_="label",
                        x=mark.x + (-4 if flipped else 4),
                        y=y,
                        text_anchor="end" if flipped else "start",
                    )
                )
            parts.append(_shape(mark, base))
            self._parts.append(h("g", *parts))
        if not own:
            self._parts.append(h("text", "nothing recorded", class_="label none", x=LEFT + 10, y=base - 2))
        return base - top + 18

    def _platform(self, top: float) -> float:
        own = [event for event in self._events if event.lane is Lane.PLATFORM]
        rows = ["", *[phase for phase in self._t.phases if any(event.phase == phase for event in own)]]
        y = top + 8
        for phase in rows:
            self._row(phase, [event for event in own if event.phase == phase], y)
            y += _ROW
        self._breaks(own, top + 8, y)
        return y - top + 6

    def _row(self, phase: str, events: Sequence[TimelineEvent], top: float) -> None:
        middle = top + _ROW / 2
        self._parts.append(
            h("text", human_name(phase) if phase else "Run", class_="row", x=LEFT - 10, y=middle + 4, text_anchor="end")
        )
        if phase and events:
            left, right = self._axis.x(events[0].at), self._axis.x(events[-1].at)
            told = f"{human_name(phase)}: {moment(events[0].at)} to {moment(events[-1].at)}, {span(events[-1].at - events[0].at)}"
            self._parts.append(
                h(
                    "rect",
                    h("title", told),
                    class_="phase",
                    x=left - 6,
                    y=top + 3,
                    width=right - left + 12,
                    height=_ROW - 6,
                    rx=5,
                )
            )
        for mark in _marks([e for e in events if e.kind not in _QUIET and not e.span], self._axis):
            self._parts.append(h("g", h("title", _told(mark.events)), _shape(mark, middle)))

    def _breaks(self, events: Iterable[TimelineEvent], top: float, bottom: float) -> None:
        """Bands where the platform was down, or waited for a person."""
        since: TimelineEvent | None = None
        for event in events:
            if event.kind == "interrupted":
                self._break("broken", event.at, event.recorded_at, top, bottom, "interrupted")
            if event.kind == "waiting":
                since = event
            elif since is not None and event.kind in ("resumed", "ended"):
                self._break("waited", since.at, event.at, top, bottom, "waiting for a person")
                since = None

    def _break(self, kind: str, start: datetime, end: datetime, top: float, bottom: float, what: str) -> None:
        left, right = self._axis.x(start), self._axis.x(end)
        if right - left > len(what) * _CHAR:
            self._parts.append(
                h("text", what, class_=f"why {kind}text", x=(left + right) / 2, y=top + 16, text_anchor="middle")
            )
        self._parts.insert(
            0,
            h(
                "rect",
                h("title", f"{what}: {moment(start)} to {moment(end)}, {span(end - start)}"),
                class_=kind,
                x=left,
                y=top,
                width=max(right - left, 2.0),
                height=bottom - top,
            ),
        )

    def _band(self, lane: Lane, top: float, height: float) -> Markup:
        return h(
            "g",
            h("rect", class_=f"band {lane.value}", x=0, y=top, width=WIDTH, height=height),
            h("text", _NAMES[lane], class_=f"lane {lane.value}", x=14, y=top + 22),
        )

    def _gap(self, left: float, right: float, top: float, bottom: float, length: str) -> Markup:
        middle = (left + right) / 2
        zigzag = [
            h("polyline", class_="cut", points=_zigzag(x, top, bottom), fill="none") for x in (left + 4, right - 4)
        ]
        foot = bottom - 10
        return h(
            "g",
            h("title", f"{length} in which nothing was recorded are not drawn"),
            h("rect", class_="gap", x=left + 4, y=top, width=right - left - 8, height=bottom - top),
            *zigzag,
            h(
                "text",
                f"{length} not drawn",
                class_="gaptext",
                x=middle,
                y=foot,
                transform=f"rotate(-90 {middle:.1f} {foot:.1f}) translate(0 4)",
            ),
        )

    def _scale(self, top: float) -> list[Markup]:
        parts = []
        day = ""
        for segment in self._axis.segments:
            parts.append(h("line", class_="axis", x1=segment.left, x2=segment.right, y1=top, y2=top))
            for tick in self._axis.ticks(segment):
                parts.append(h("line", class_="axis", x1=tick.x, x2=tick.x, y1=top, y2=top + 5))
                parts.append(h("text", tick.label, class_="tick", x=tick.x, y=top + 18, text_anchor="middle"))
            date = (
                f"{segment.start:%d %b %Y}"
                if segment.start.date() == segment.end.date()
                else f"{segment.start:%d %b} – {segment.end:%d %b %Y}"
            )
            if date != day:
                parts.append(h("text", date, class_="date", x=_date_x(segment), y=top + 35, text_anchor="middle"))
            day = date
        parts.append(h("text", "UTC", class_="date", x=LEFT - 10, y=top + 18, text_anchor="end"))
        return parts


_WHO: Final = {Lane.ATTACKER: "the attacker", Lane.PEOPLE: "people", Lane.PLATFORM: "the platform"}
_NAMES: Final = {Lane.ATTACKER: "Attacker", Lane.PEOPLE: "People", Lane.PLATFORM: "Platform"}


def _date_x(segment: Segment) -> float:
    return min(max((segment.left + segment.right) / 2, LEFT + 40), RIGHT - 40)


def _marks(events: Sequence[TimelineEvent], axis: Axis) -> list[_Mark]:
    """Events as marks, neighbours joined; in a crowd more widely, so that the numbers below them can be read."""
    marks: list[_Mark] = []
    together = _TOGETHER if len(events) <= _CROWD else 3 * _TOGETHER
    for event in events:
        x = axis.x(event.at)
        if marks and x - marks[-1].x < together:
            marks[-1].events.append(event)
        else:
            marks.append(_Mark(x, [event]))
    return marks


def _told(events: Sequence[TimelineEvent]) -> str:
    """What a mark stands for, in its tooltip."""
    lines = [
        f"{moment(event.at)}: {clip(event.title, 140)}" + (f" ({clip(event.target, 80)})" if event.target else "")
        for event in events[:6]
    ]
    if len(events) > 6:
        kinds = Counter(human_name(event.kind).lower() for event in events)
        lines.append(
            f"… and {len(events) - 6} more; in all: " + ", ".join(f"{n} × {kind}" for kind, n in kinds.most_common(6))
        )
    return " • ".join(lines)


def _shape(mark: _Mark, y: float) -> Markup:
    kinds = Counter(event.kind for event in mark.events)
    lane = mark.events[0].lane
    x = mark.x
    parts: list[Markup] = []
    if lane is Lane.ATTACKER:
        sure = any(event.certainty != "uncertain" for event in mark.events)
        parts.append(
            h("path", class_="mark attacker" + ("" if sure else " hollow"), d=f"M{x:.1f} {y - 7:.1f}l6.5 12h-13z")
        )
    elif lane is Lane.PEOPLE:
        parts.append(_person(set(kinds), x, y))
    else:
        # What most of them are, and above it what went wrong with some: neither hides the other.
        bad = {kind for kind in kinds if kind in _BAD}
        usual = {kind for kind, _ in kinds.most_common() if kind not in _BAD}
        usual = {max(usual, key=lambda kind: kinds[kind])} if usual and len(mark.events) > 2 else usual
        parts.append(_work(usual or bad, x, y))
        if bad and usual:
            small = _work(bad, 0, 0)
            parts.append(h("g", small, transform=f"translate({x:.1f} {y - 8:.1f}) scale(0.72)"))
    if len(mark.events) > 2:
        parts.append(h("text", f"{len(mark.events):,}", class_="count", x=x, y=y + 13, text_anchor="middle"))
    return join(*parts)


def _person(kinds: set[str], x: float, y: float) -> Markup:
    if kinds & {"denied", "answer_refused", "cancel_requested"}:
        return _cross("mark people denied", x, y)
    if kinds & {"approved", "answered"}:
        return h(
            "rect", class_="mark people", x=x - 5, y=y - 5, width=10, height=10, transform=f"rotate(45 {x:.1f} {y:.1f})"
        )
    if "note" in kinds:
        return h("rect", class_="mark people", x=x - 5, y=y - 5, width=10, height=10)
    if kinds & {"approval_requested", "question_asked"}:
        return h("circle", class_="mark people hollow", cx=x, cy=y, r=5)
    return h("circle", class_="mark people", cx=x, cy=y, r=5)


def _work(kinds: set[str], x: float, y: float) -> Markup:
    kind = next((kind for kind in _MARKS if kind in kinds), "")
    if kind in ("failed", "undo_failed"):
        return _cross("mark failed", x, y)
    if kind == "unknown":
        return h("path", class_="mark unknown", d=f"M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z")
    if kind == "message_sent":
        return h("rect", class_="mark message", x=x - 6, y=y - 4, width=12, height=8, rx=1)
    if kind in ("read", "answer_taken", "already"):
        return h("circle", class_="mark read hollow", cx=x, cy=y, r=4)
    if kind in ("changed", "undone", "would_change"):
        return h("circle", class_=f"mark {kind}", cx=x, cy=y, r=5)
    return h("rect", class_="mark run", x=x - 1.5, y=y - 7, width=3, height=14)


def _cross(class_: str, x: float, y: float) -> Markup:
    return h("path", class_=f"{class_} cross", d=f"M{x - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10")


def _zigzag(x: float, top: float, bottom: float) -> str:
    points, y, side = [], top, 1
    while y < bottom:
        points.append(f"{x + 2.5 * side:.1f},{y:.1f}")
        y, side = y + 7, -side
    points.append(f"{x:.1f},{bottom:.1f}")
    return " ".join(points)


def _short(at: datetime) -> str:
    return f"{short_day(at)} {at:%H:%M:%S}"


def legend() -> Markup:
    """What the shapes mean."""
    return h("ul", *(h("li", _icon(shape), words) for words, shape in _SAMPLES), class_="legend", aria_label="Legend")


def drawn_legend(columns: int = 5) -> Markup:
    """The same as a picture of its own, for formats without lists of pictures."""
    wide, high = WIDTH / columns, 20
    parts = []
    for number, (words, shape) in enumerate(_SAMPLES):
        x, y = 10 + number % columns * wide, 12 + number // columns * high
        parts.append(h("g", shape(x, float(y)), h("text", words, class_="label", x=x + 14, y=y + 4)))
    height = -(-len(_SAMPLES) // columns) * high + 4
    return h("svg", *parts, viewBox=f"0 0 {WIDTH} {height}", class_="picture", xmlns="http://www.w3.org/2000/svg")


def legend_words() -> list[str]:
    """What there are shapes for, in words."""
    return [words for words, _ in _SAMPLES]


def _sample(class_: str) -> Callable[[float, float], Markup]:
    return lambda x, y: h("path", class_=class_, d=f"M{x} {y - 6}l6 11h-12z")


def _box(class_: str, height: float, radius: float | None = None) -> Callable[[float, float], Markup]:
    return lambda x, y: h("rect", class_=class_, x=x - 8, y=y - height / 2, width=16, height=height, rx=radius)


_SAMPLES: Final[tuple[tuple[str, Callable[[float, float], Markup]], ...]] = (
    ("act of the attacker", _sample("mark attacker")),
    ("perhaps the attacker's", _sample("mark attacker hollow")),
    ("question to people", lambda x, y: _person({"question_asked"}, x, y)),
    ("answer, approval", lambda x, y: _person({"answered"}, x, y)),
    ("denied or refused", lambda x, y: _person({"denied"}, x, y)),
    ("note", lambda x, y: _person({"note"}, x, y)),
    ("changed and verified", lambda x, y: _work({"changed"}, x, y)),
    ("read, or so already", lambda x, y: _work({"read"}, x, y)),
    ("message sent", lambda x, y: _work({"message_sent"}, x, y)),
    ("not known", lambda x, y: _work({"unknown"}, x, y)),
    ("failed", lambda x, y: _work({"failed"}, x, y)),
    ("phase under way", _box("phase", 10, 3)),
    ("platform interrupted", _box("broken", 12)),
    ("waiting for a person", _box("waited", 12)),
)


def _icon(shape: Callable[[float, float], Markup]) -> Markup:
    return h("svg", shape(8.0, 8.0), class_="picture", viewBox="0 0 16 16", aria_hidden="true")
