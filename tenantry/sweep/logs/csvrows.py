"""Rows of a CSV export, where one broken row costs one row.

A quote that is never closed would swallow the rest of the file; here a row ends at the latest where the next one plainly
begins (a record's id at the start of a line) or after :data:`_LONGEST` lines.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import Final

from tenantry.sweep.logs.files import Intake, TextStream

__all__ = ["peeked", "rows"]

_LONGEST: Final = 500
_ROW_BEGINS: Final = re.compile(r'"?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-')


def rows(stream: TextStream, intake: Intake) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with the number of its first line, by the names in the first row."""
    csv.field_size_limit(1 << 26)
    lines = _Lines(stream)
    head: list[str] | None = None
    while (taken := lines.row()) is not None:
        number, text, whole = taken
        if not text.strip():
            continue
        try:
            cells = next(csv.reader([text], strict=False)) if whole else []
        except (csv.Error, StopIteration):
            cells = []
        if head is None:
            if text.lower().startswith("#type"):
                continue  # PowerShell's own first line
            head = [cell.strip().lstrip("\ufeff") for cell in cells]
        elif len(cells) < 2 or len(cells) > len(head):
            intake.broken_row(f"{stream.name}:{number}", "broken CSV row")
        else:
            yield number, dict(zip(head, cells, strict=False))


def peeked(stream: TextStream) -> tuple[bool, TextStream]:
    """Whether a file begins as JSON does, and the same file from its beginning."""
    head = stream.read()
    waiting = [head] if head else []
    rest = TextStream(stream.name, lambda: waiting.pop() if waiting else stream.read())
    return head.lstrip("\ufeff \t\r\n")[:1] in ("{", "["), rest


class _Lines:
    """Joins lines into rows by their quotes."""

    def __init__(self, stream: TextStream) -> None:
        self._source = stream.lines()
        self._waiting: deque[tuple[int, str]] = deque()
        self._number = 0

    def _next(self) -> tuple[int, str] | None:
        if self._waiting:
            return self._waiting.popleft()
        line = next(self._source, None)
        if line is None:
            return None
        self._number += 1
        return self._number, line

    def row(self) -> tuple[int, str, bool] | None:
        """Number, text, and whether its quotes close."""
        first = self._next()
        if first is None:
            return None
        number, text = first
        taken = [first]
        open_quote = text.count('"') % 2 == 1
        while open_quote:
            following = self._next()
            if following is None or len(taken) >= _LONGEST or _ROW_BEGINS.match(following[1]):
                if following is not None:
                    self._waiting.appendleft(following)
                if len(taken) > 1:
                    self._waiting.extendleft(reversed(taken[1:]))
                return number, text, False
            taken.append(following)
            open_quote ^= following[1].count('"') % 2 == 1
        return number, "\n".join(line for _, line in taken), True
