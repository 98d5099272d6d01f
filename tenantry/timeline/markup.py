"""HTML and SVG in which a text can only ever be a text.

:func:`h` is the one way to make an element: children that are plain strings are escaped and made visible
(:func:`~tenantry.timeline.columns.visible`); only what :func:`h` itself has made passes as mark-up.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Final

from tenantry.timeline.columns import visible
from tenantry.timeline.words import clip

__all__ = ["Markup", "h", "join", "long_text", "pill", "table", "text"]

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9:-]*\Z")
_VOID: Final = frozenset({"meta", "link", "br", "hr", "input", "col"})
_LONGEST: Final = 8_000
_LINES: Final = 30


class Markup(str):
    """Mark-up: made here, or by whoever vouches for it."""

    __slots__ = ()


def text(value: str) -> Markup:
    """A recorded text as mark-up that shows it."""
    return Markup(html.escape(visible(value), quote=True))


def join(*parts: str) -> Markup:
    return Markup("".join(part if isinstance(part, Markup) else text(part) for part in parts))


def h(name: str, /, *children: str, **attributes: str | int | float | bool | None) -> Markup:
    """An element. ``class_`` is ``class``, ``data_lane`` is ``data-lane``; None and False leave an attribute out."""
    if not _NAME.match(name):
        raise ValueError("not the name of an element")
    shown = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        if value is True:
            shown.append(f" {key}")
        else:
            shown.append(f' {key}="{_number(value) if isinstance(value, float) else text(str(value))}"')
    if name in _VOID:
        return Markup(f"<{name}{''.join(shown)}>")
    return Markup(f"<{name}{''.join(shown)}>{join(*children)}</{name}>")


def long_text(value: str, short: int = 280) -> Markup:
    """A text of any length: what is longer than ``short`` characters opens on demand, what is absurd is cut (the JSON lines
    have it whole). Its line breaks are kept, as far as there are few."""
    if len(value) <= short:
        return _lines(value)
    return h("details", h("summary", _lines(clip(value, short - 40))), h("p", _lines(clip(value, _LONGEST))))


def _lines(value: str) -> Markup:
    parts: list[Markup] = []
    for line in value.split("\n", _LINES):
        parts += [h("br"), h("bdi", line)] if parts else [h("bdi", line)]
    return join(*parts)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def pill(words: str, look: str) -> Markup:
    """Words in a coloured shape; looks are the style sheet's (good, bad, warn, people, calm …)."""
    return h("span", words, class_=f"pill {look}")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[str | None] = ()) -> Markup:
    """A table that scrolls by itself where it is too wide, by the keyboard as well.

    Args:
        widths: of the columns, as CSS; None leaves one to the browser.
    """
    sizes = [h("col", width=width) for width in widths]
    return h(
        "div",
        h(
            "table",
            *([h("colgroup", *sizes)] if sizes else []),
            h("thead", h("tr", *(h("th", name, scope="col") for name in head))),
            h("tbody", *(h("tr", *(h("td", cell) for cell in row)) for row in rows)),
        ),
        class_="scroll",
        tabindex=0,
        role="group",
        aria_label=", ".join(filter(None, head)),
    )
