"""The picture: where the risks stand, by how likely they are and how much they would hurt, and how each measure ended. One SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from tenantry.onboarding.words import LEVELS, STATUSES
from tenantry.risk.model import LEVELS as ORDER
from tenantry.risk.model import level_of
from tenantry.timeline.markup import Markup, h
from tenantry.timeline.words import clip

__all__ = ["COLOURS", "described", "drawn", "drawn_legend"]

COLOURS: Final = {"bad": "#b42318", "warn": "#b7791f", "people": "#1d4ed8", "good": "#12693a", "calm": "#718096"}
"""Look → colour, where no style sheet says another."""
_WIDE: Final = 1080
_CELL: Final = 66
_HIGH: Final = 54
_LEFT: Final = 116
_TOP: Final = 40
_LIST: Final = 520
_ROW: Final = 27
_MOST: Final = 20
_SHADES: Final = {"very_high": 0.62, "high": 0.4, "moderate": 0.42, "low": 0.26, "very_low": 0.2}


def drawn(document: Mapping[str, Any]) -> Markup:
    """The SVG."""
    policies = document["policies"][:_MOST]
    height = max(_TOP + 5 * _HIGH + 58, _TOP + len(policies) * _ROW + 30)
    return h(
        "svg",
        *_matrix(document["risks"]),
        *_measures(policies, len(document["policies"])),
        viewBox=f"0 0 {_WIDE} {height}",
        role="img",
        aria_label=described(document),
        xmlns="http://www.w3.org/2000/svg",
        class_="picture",
    )


def described(document: Mapping[str, Any]) -> str:
    """What the picture shows, in a sentence, for who cannot see it."""
    levels = Counter(one["level"] for one in document["risks"])
    told = ", ".join(f"{levels[name]} {LEVELS[name][0]}" for name in reversed(ORDER) if levels[name]) or "none"
    statuses = Counter(one["status"] for one in document["policies"])
    stood = ", ".join(f"{statuses[name]} {words}" for name, (words, _) in STATUSES.items() if statuses[name]) or "none"
    return f"Open risks by level: {told}. Protective measures: {stood}. All of it stands in the tables of this report."


def drawn_legend() -> Markup:
    """The legend of the measures' marks, as SVG."""
    parts = []
    for number, (words, look) in enumerate(STATUSES.values()):
        x = 14 + number * 170
        parts += [_mark(x, 12, look), h("text", words, x=x + 14, y=16)]
    return h("svg", *parts, viewBox=f"0 0 {_WIDE} 24", xmlns="http://www.w3.org/2000/svg")


def _matrix(risks: Any) -> list[Markup]:
    counts = Counter((one["likelihood"], one["impact"]) for one in risks)
    parts = [h("text", "Risks: how likely, and how much it would hurt", x=8, y=20, class_="head")]
    for row, likelihood in enumerate(reversed(ORDER)):
        y = _TOP + row * _HIGH
        words = LEVELS[likelihood][0]
        parts.append(h("text", words, x=_LEFT - 10, y=y + _HIGH / 2 + 4, text_anchor="end", class_="tick"))
        for column, impact in enumerate(ORDER):
            x = _LEFT + column * _CELL
            level = level_of(likelihood, impact)
            look = LEVELS[level][1]
            cell = h(
                "rect", x=x + 1, y=y + 1, width=_CELL - 2, height=_HIGH - 2, rx=4, class_=f"l-{look}", opacity=_SHADES[level]
            )  # fmt: skip
            parts.append(cell)
            if counts[likelihood, impact]:
                middle = (x + _CELL / 2, y + _HIGH / 2)
                parts.append(h("circle", cx=middle[0], cy=middle[1], r=16, class_="disc"))
                number = str(counts[likelihood, impact])
                parts.append(h("text", number, x=middle[0], y=middle[1] + 5, text_anchor="middle", class_="number"))
    bottom = _TOP + 5 * _HIGH
    for column, impact in enumerate(ORDER):
        at = _LEFT + column * _CELL + _CELL / 2
        parts.append(h("text", LEVELS[impact][0], x=at, y=bottom + 18, text_anchor="middle", class_="tick"))
    middle_x = _LEFT + 2.5 * _CELL
    parts.append(
        h("text", "how much it would hurt", x=middle_x, y=bottom + 40, text_anchor="middle", class_="axis-name")
    )
    middle_y = _TOP + 2.5 * _HIGH
    turned = f"rotate(-90 20 {middle_y:.0f})"
    parts.append(h("text", "how likely", x=20, y=middle_y, text_anchor="middle", transform=turned, class_="axis-name"))
    return parts


def _measures(policies: Any, total: int) -> list[Markup]:
    parts = [h("text", "Protective measures", x=_LIST, y=20, class_="head")]
    if not policies:
        return [*parts, h("text", "not looked at", x=_LIST, y=_TOP + 22, class_="tick")]
    for number, one in enumerate(policies):
        words, look = STATUSES[one["status"]]
        y = _TOP + number * _ROW + 12
        parts.append(_mark(_LIST + 8, y, look))
        parts.append(h("text", clip(one["title"], 66), x=_LIST + 26, y=y + 4))
        parts.append(h("text", words, x=_WIDE - 8, y=y + 4, text_anchor="end", class_=f"t-{look}"))
    if total > len(policies):
        more = f"and {total - len(policies)} more, in the tables"
        parts.append(h("text", more, x=_LIST + 26, y=_TOP + len(policies) * _ROW + 16, class_="tick"))
    return parts


def _mark(x: float, y: float, look: str) -> Markup:
    """A shape for each answer, so that colour is not all that tells them apart."""
    kind = f"m-{look}"
    if look == "good":
        return h("circle", cx=x, cy=y, r=6, class_=kind)
    if look == "bad":
        return h("path", d=f"M{x - 5} {y - 5}L{x + 5} {y + 5}M{x - 5} {y + 5}L{x + 5} {y - 5}", class_=f"{kind} stroke")
    if look == "warn":
        return h("path", d=f"M{x} {y - 6}L{x + 7} {y + 6}L{x - 7} {y + 6}Z", class_=kind)
    if look == "people":
        return h("rect", x=x - 5.5, y=y - 5.5, width=11, height=11, rx=2, class_=kind)
    return h("path", d=f"M{x - 6} {y}L{x + 6} {y}", class_=f"{kind} stroke")
