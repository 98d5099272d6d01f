"""How a client moved, as a picture: one bar for each sweep, what is not met at the bottom and what could not be told above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tenantry.baseline.trend import Point
from tenantry.timeline.markup import Markup, h

__all__ = ["drawn", "line"]

_WIDE: Final = 1080
_HIGH: Final = 150
_BASE: Final = 120
_LEFT: Final = 40
_LAYERS: Final = (("fail", "#b42318"), ("excepted", "#718096"), ("unknown", "#b7791f"))
"""Status → colour, from the bottom."""


def drawn(trend: Sequence[Point]) -> Markup:
    """The SVG."""
    most = max((sum(point.counts.get(status, 0) for status, _ in _LAYERS) for point in trend), default=0) or 1
    step = min(60.0, (_WIDE - _LEFT - 8) / max(1, len(trend)))
    parts: list[Markup] = [
        h("line", x1=_LEFT, y1=_BASE, x2=_WIDE - 8, y2=_BASE, stroke="#c3cad6"),
        h("text", str(most), x=_LEFT - 6, y=18, text_anchor="end", class_="tick"),
        h("text", "0", x=_LEFT - 6, y=_BASE + 4, text_anchor="end", class_="tick"),
    ]
    for number, point in enumerate(trend):
        x, y = _LEFT + number * step + step * 0.15, float(_BASE)
        told = ", ".join(f"{point.counts.get(status, 0)} {status}" for status, _ in _LAYERS)
        bars: list[Markup] = [h("title", f"{point.at[:10]}: {told}")]
        for status, colour in _LAYERS:
            high = point.counts.get(status, 0) / most * (_BASE - 14)
            y -= high
            bars.append(h("rect", x=x, y=y, width=step * 0.7, height=high, fill=colour))
        parts.append(h("g", *bars))
        if number in (0, len(trend) - 1):
            anchor = "start" if number == 0 else "end"
            at = x if number == 0 else x + step * 0.7
            if number == 0 or len(trend) * step > 180:
                parts.append(h("text", point.at[:10], x=at, y=_BASE + 18, text_anchor=anchor, class_="tick"))
    label = "Requirements that are not met, excepted or not known, sweep by sweep; the table has the numbers."
    return h("svg", *parts, viewBox=f"0 0 {_WIDE} {_HIGH}", role="img", aria_label=label, xmlns="http://www.w3.org/2000/svg", class_="picture")  # fmt: skip


def line(unmet: Sequence[int], *, x: float, y: float, wide: float, high: float) -> list[Markup]:
    """A small line of what is not met, for a row of a larger picture."""
    if len(unmet) < 2:
        return []
    most = max(unmet) or 1
    places = [
        (x + number * wide / (len(unmet) - 1), y + high - value / most * high) for number, value in enumerate(unmet)
    ]
    return [
        h("polyline", points=" ".join(f"{at:.1f},{up:.1f}" for at, up in places), fill="none", stroke="#566072", stroke_width=1.5),
        h("circle", cx=places[-1][0], cy=places[-1][1], r=2.5, fill="#17202e"),
    ]  # fmt: skip
