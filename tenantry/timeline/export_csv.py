"""CSV for spreadsheets: one event a row, a header, every cell quoted (RFC 4180), UTF-8.

Texts are altered where a spreadsheet would act on them; the JSON lines have them as recorded.

- A cell that begins with ``=``, ``+``, ``-``, ``@``, their full-width forms, a tab or a carriage return is a formula to
  Excel and its like: it gets an apostrophe in front, and so does one that begins with an apostrophe, so that taking the
  first one away always gives the text back (https://owasp.org/www-community/attacks/CSV_Injection).
- A cell is one line: line breaks become ``¶``. What is invisible becomes its code (:func:`~.columns.visible`).
- A cell holds at most 32,767 characters, Excel's limit
  (https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3); what is longer ends in ``…``.
"""

from __future__ import annotations

import csv
from typing import BinaryIO, Final

from tenantry.timeline.columns import COLUMNS, row, visible
from tenantry.timeline.model import Timeline
from tenantry.timeline.words import clip

__all__ = ["Encoded", "cell", "export"]

MAX_CELL: Final = 32_767
_ACTS: Final = tuple("=+-@\t\r\n\x00'＝＋－＠")


def export(timeline: Timeline, out: BinaryIO) -> int:
    """Write header and events; returns the number of events."""
    writer = csv.writer(Encoded(out), quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    count = 0
    for event in timeline.events:
        writer.writerow([cell(value) for value in row(event).values()])
        count += 1
    return count


def cell(value: str | int | bool | list[str]) -> str:
    """A value as a cell that no spreadsheet acts on."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    text = " ".join(value) if isinstance(value, list) else value
    guard = "'" if text.startswith(_ACTS) else ""
    return clip(guard + visible(text), MAX_CELL)


class Encoded:
    """What :mod:`csv` writes to: rows as UTF-8."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, text: str) -> None:
        self._out.write(text.encode())
