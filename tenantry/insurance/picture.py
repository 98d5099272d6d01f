"""The picture: a row for each required control, a square for each thing that measures it. One SVG, for page and PDF."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tenantry.insurance.readiness import STATUSES
from tenantry.insurance.words import OF_POLICY
from tenantry.timeline.marks import mark
from tenantry.timeline.markup import Markup, h
from tenantry.timeline.words import clip

__all__ = ["COLOURS", "described", "drawn", "drawn_legend"]

COLOURS: Final = {"bad": "#b42318", "warn": "#b7791f", "good": "#12693a", "calm": "#718096"}
_WIDE: Final = 1080
_LEFT: Final = 420
_CELL: Final = 24
_ROW: Final = 34
_PER_ROW: Final = 20
_MOST: Final = 60


def drawn(document: Mapping[str, Any]) -> Markup:
    """The SVG."""
    controls = document["controls"][:_MOST]
    parts: list[Markup] = []
    for number, one in enumerate(controls):
        y = 6 + number * _ROW
        words, look = STATUSES[one["status"]]
        parts.append(h("rect", x=8, y=y + 4, width=8, height=_CELL - 4, rx=3, fill=COLOURS[look]))
        parts.append(h("text", clip(one["control"], 52), x=24, y=y + 20))
        parts.append(h("text", words, x=_WIDE - 8, y=y + 20, text_anchor="end", class_="tick"))
        if not one["measures"]:
            parts.append(h("text", "nothing of ours measures it", x=_LEFT, y=y + 20, class_="tick"))
        for place, held in enumerate(one["measures"][:_PER_ROW]):
            told, shade = OF_POLICY[held["status"]]
            x = _LEFT + place * (_CELL + 4)
            parts.append(
                h(
                    "g",
                    h("title", f"{held['title'] or held['policy']}: {told}"),
                    h("rect", x=x, y=y + 2, width=_CELL, height=_CELL, rx=4, fill=COLOURS[shade]),
                    *mark(shade, x, y + 2),
                )
            )
    height = 12 + max(len(controls), 1) * _ROW
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
    told = ", ".join(f"{counts[status]} {words}" for status, (words, _) in STATUSES.items() if counts[status]) or "none"
    return f"Required controls: {told}. All of it stands in the table."


def drawn_legend() -> Markup:
    """The legend, as SVG."""
    parts: list[Markup] = []
    for number, (words, look) in enumerate(STATUSES.values()):
        x = 8 + number * 150
        parts.append(h("rect", x=x, y=4, width=16, height=16, rx=3, fill=COLOURS[look]))
        parts.append(h("text", words, x=x + 22, y=16))
    return h("svg", *parts, viewBox=f"0 0 {_WIDE} 24", xmlns="http://www.w3.org/2000/svg")
