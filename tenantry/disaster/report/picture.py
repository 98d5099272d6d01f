"""The picture: each system over time, from the outage to its health, with the line by which it had to be back. One SVG."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from tenantry.clock import parse_rfc3339
from tenantry.disaster.report.document import STATES, length, run_from
from tenantry.timeline.markup import Markup, h
from tenantry.timeline.words import clip

__all__ = ["COLOURS", "described", "drawn", "drawn_legend"]

COLOURS: Final = {"bad": "#b42318", "warn": "#b7791f", "people": "#1d4ed8", "good": "#12693a", "calm": "#718096"}
_WIDE: Final = 1080
_LEFT: Final = 250
_RIGHT: Final = 1_060
_TOP: Final = 46
_ROW: Final = 28
_MOST: Final = 80


def drawn(document: Mapping[str, Any]) -> Markup:
    """The SVG."""
    systems = document["systems"][:_MOST]
    height = _TOP + max(len(systems), 1) * _ROW + 34
    parts: list[Markup] = []
    if systems:
        scale = _Scale(systems, parse_rfc3339(document["at"]))
        parts += _axis(scale, run_from(document), height)
        if systems[0]["declared_at"]:
            x = scale.x(parse_rfc3339(systems[0]["declared_at"]))
            parts.append(h("path", d=f"M{x:.1f} {_TOP - 8}V{height - 30}", class_="stroke m-people thin"))
            side = "end" if x > (_LEFT + _RIGHT) / 2 else "start"
            parts.append(
                h(
                    "text",
                    "declared",
                    x=x + (-4 if side == "end" else 4),
                    y=_TOP - 12,
                    text_anchor=side,
                    class_="tick t-people",
                )
            )
        for number, one in enumerate(systems):
            parts += _row(scale, one, _TOP + number * _ROW)
    more = len(document["systems"]) - len(systems)
    if more > 0:
        parts.append(h("text", f"and {more} more, in the table", x=8, y=height - 6, class_="tick"))
    return h(
        "svg",
        *parts,
        viewBox=f"0 0 {_WIDE} {height}",
        role="img",
        aria_label=described(document),
        xmlns="http://www.w3.org/2000/svg",
        class_="picture",
    )


def described(document: Mapping[str, Any]) -> str:
    """What the picture shows, for who cannot see it."""
    counts = document["counts"]
    return (
        f"Each of {counts['systems']} systems over time: {counts['back']} came back, {counts['missed']} later than agreed. "
        "All of it stands in the table of systems."
    )


def drawn_legend() -> Markup:
    """The legend, as SVG."""
    marks = [
        ("waiting", h("rect", x=14, y=8, width=26, height=8, class_="l-calm", opacity=0.35)),
        ("being recovered", h("rect", x=134, y=6, width=26, height=12, class_="l-people", opacity=0.75)),
        ("health checks held", h("circle", cx=314, cy=12, r=5.5, class_="m-good")),
        ("had to be back by then (RTO)", h("path", d="M480 4V20", class_="stroke m-bad")),
        ("not shown to be back", h("path", d="M736 7L746 17M736 17L746 7", class_="stroke m-bad")),
    ]
    places = (46, 166, 326, 490, 754)
    parts = [
        part for (words, mark), x in zip(marks, places, strict=True) for part in (mark, h("text", words, x=x, y=16))
    ]
    return h("svg", *parts, viewBox=f"0 0 {_WIDE} 24", xmlns="http://www.w3.org/2000/svg")


class _Scale:
    """From the outage to the last thing that matters: times on the x axis."""

    def __init__(self, systems: Any, made_at: datetime) -> None:
        self.made_at = made_at
        """Until when what is not back is known to be away."""
        self.begins = parse_rfc3339(systems[0]["outage_began"])
        away = any(not one["healthy_at"] for one in systems)
        ends = [1.0, *([(made_at - self.begins).total_seconds()] if away else [])]
        for one in systems:
            for key in ("declared_at", "began_at", "healthy_at", "validated_at"):
                if one[key]:
                    ends.append((parse_rfc3339(one[key]) - self.begins).total_seconds())
        took = max(ends)
        # RTO lines far beyond all that happened would leave the picture empty: those are said in the row.
        self.seconds: float = max(
            [took * 1.05, *(one["rto_seconds"] * 1.02 for one in systems if one["rto_seconds"] <= took * 4)]
        )

    def x(self, at: datetime) -> float:
        return self.at((at - self.begins).total_seconds())

    def at(self, seconds: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * min(max(seconds / self.seconds, 0.0), 1.0)


_STEPS: Final = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400, 172_800, 604_800)


def _axis(scale: _Scale, begins: str, height: int) -> list[Markup]:
    step = next(
        (one for one in _STEPS if scale.seconds / one <= 8), _STEPS[-1] * (1 + int(scale.seconds / _STEPS[-1] / 8))
    )
    parts = [h("text", begins, x=_LEFT, y=height - 12, text_anchor="middle", class_="tick")]
    number = 1
    while number * step <= scale.seconds:
        x = scale.at(number * step)
        parts.append(h("path", d=f"M{x:.1f} {_TOP - 4}V{height - 26}", class_="grid"))
        parts.append(h("text", f"+{length(number * step)}", x=x, y=height - 12, text_anchor="middle", class_="tick"))
        number += 1
    return parts


def _row(scale: _Scale, one: Mapping[str, Any], y: float) -> list[Markup]:
    middle = y + _ROW / 2
    look = STATES[one["state"]][1]
    parts = [
        h("text", clip(one["title"], 30), x=_LEFT - 50, y=middle + 4, text_anchor="end"),
        h("text", f"tier {one['tier']}", x=_LEFT - 6, y=middle + 4, text_anchor="end", class_="tick"),
    ]
    now = scale.x(scale.made_at)
    began = scale.x(parse_rfc3339(one["began_at"])) if one["began_at"] else now
    parts.append(
        h("rect", x=_LEFT, y=middle - 4, width=max(began - _LEFT, 0.5), height=8, class_="l-calm", opacity=0.35)
    )
    ends = one["healthy_at"]
    if one["began_at"]:
        last = scale.x(parse_rfc3339(ends)) if ends else now
        parts.append(
            h("rect", x=began, y=middle - 6, width=max(last - began, 1.5), height=12, class_="l-people", opacity=0.75)
        )
    if one["rto_seconds"] <= scale.seconds:
        x = scale.at(one["rto_seconds"])
        parts.append(h("path", d=f"M{x:.1f} {middle - 11:.1f}V{middle + 11:.1f}", class_="stroke m-bad"))
    if ends:
        x = scale.x(parse_rfc3339(ends))
        parts.append(h("circle", cx=x, cy=middle, r=5.5, class_=f"m-{'good' if look == 'good' else 'warn'}"))
    if one["state"] != "recovered":
        # Where its health held and its data did not, beside that; else where it still was away.
        x = min(scale.x(parse_rfc3339(ends)) + 16 if ends else now, _RIGHT - 8)
        parts.append(
            h(
                "path",
                d=f"M{x - 5} {middle - 5}L{x + 5} {middle + 5}M{x - 5} {middle + 5}L{x + 5} {middle - 5}",
                class_="stroke m-bad",
            )
        )
    return parts
