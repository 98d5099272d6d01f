"""Marks that are drawn into squares of pictures, so that colour is not all that tells them apart, and no font has to have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tenantry.timeline.markup import Markup, h

__all__ = ["STYLE", "mark"]

STYLE: Final = ".mark{fill:none;stroke:#fff;stroke-width:2.2;stroke-linecap:round}"
_MARKS: Final[Mapping[str, str]] = {
    "bad": "M7 7L17 17M17 7L7 17",
    "warn": "M8 9C8 4 16 5 15 10C14.5 12 12 12 12 14.5M12 18V18.2",
    "people": "M7 12H7.2M12 12H12.2M17 12H17.2",
    "good": "M6.5 12.5L10.5 16.5L17.5 8",
    "calm": "M7 12H17",
}
"""Look → path in a square of 24."""


def mark(look: str, x: float, y: float, size: float = 24) -> list[Markup]:
    """The mark of a look in a square at this place; nothing for a look that has none."""
    if look not in _MARKS:
        return []
    return [h("path", d=_MARKS[look], transform=f"translate({x:g} {y:g}) scale({size / 24:.3g})", class_="mark")]
