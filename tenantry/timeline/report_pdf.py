"""What all reports that are a PDF in the layout of the timelines have in common (``page/report.typ``): their frame, and how texts come into it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tenantry.timeline.glyphs import breakable
from tenantry.timeline.pdf_cells import Part, Piece, Printable, piece, table

__all__ = ["STYLE", "PdfReport", "framed", "part", "pill", "styled"]

STYLE: Final = (
    "svg{background:#fff}text{font-family:'Libertinus Serif','DejaVu Sans Mono';font-size:13px;fill:#17202e}"
    ".tick{fill:#566072;font-size:12px}"
)
"""Of every picture."""
_LINE: Final = 2_000
_CELL: Final = 600


class PdfReport:
    """One report.

    Args:
        document: what it tells.
        text: makes a recorded text printable.
    """

    def __init__(self, document: Mapping[str, Any], text: Printable) -> None:
        self._d = document
        self._text = text

    def _long(self, line: str) -> str:
        """A line of its own."""
        return breakable(self._text(line, _LINE), 50)

    def _cell(self, line: str, width: int = 30) -> str:
        """A text in a table; words of more than ``width`` characters may be broken."""
        return breakable(self._text(line, _CELL), width)

    def _facts(self, facts: Iterable[tuple[str, str, bool]]) -> list[dict[str, Any]]:
        """Name, value, and whether that is code, for the cover."""
        return [
            {"name": name, "value": breakable(self._text(value, 300), 48), "code": code} for name, value, code in facts
        ]


def framed(data: Mapping[str, Any], parts: Iterable[Part], picture: str, legend: str, style: str) -> dict[str, str]:
    """What the layout takes.

    Args:
        data: title, description, keywords, footer, cover, summary, picture.
        parts: what follows the picture; the first begins a page.
        picture: SVG, and so is ``legend``.
        style: rules for both.
    """
    listed = [{**one, "apart": number == 0} for number, one in enumerate(parts)]
    return {
        "data": json.dumps({**data, "parts": listed}),
        "picture": styled(picture, style),
        "legend": styled(legend, style),
    }


def part(title: str, head: Sequence[str], widths: Sequence[str], rows: Iterable[Any], lead: str = "") -> Part:
    """A chapter that is one table."""
    return {"level": 1, "title": title, "lead": lead, "table": table(head, widths, rows)}


def pill(words: str, look: str) -> Piece:
    """Words in a coloured shape."""
    return {**piece("pill", words), "look": look}


def styled(svg: str, style: str) -> str:
    """An SVG with its rules in it."""
    return svg.replace(">", f"><style>{style}</style>", 1)
