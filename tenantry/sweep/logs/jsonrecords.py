"""JSON objects out of a stream of text, one at a time, in memory that does not grow.

Taken as exports have them: a list; an object with a list in it (``{"Records": […]}``, Graph's ``{"value": […]}``); one
object a line; or objects one after another. A broken object is counted, and reading goes on at the next one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from json.decoder import JSONDecodeError
from typing import Any, Final

import orjson

from tenantry.sweep.logs.files import Intake, TextStream

__all__ = ["LISTS", "records"]

LISTS: Final = ("Records", "records", "value", "Events", "events", "items", "results", "data")
"""Names under which exports keep their list."""

_AT_ONCE: Final = 8 << 20
"""Characters up to which a file is parsed at once: three times as fast."""
_LARGEST: Final = 32 << 20
"""Characters of one record; a larger one is taken as broken."""
_SCALAR: Final = r'(?:"(?:[^"\\]|\\.)*"|-?[\d.eE+-]+|true|false|null)'
_ENVELOPE: Final = re.compile(
    r'\{\s*(?:"(?:[^"\\]|\\.)*"\s*:\s*' + _SCALAR + r'\s*,\s*){0,20}?"(?:' + "|".join(LISTS) + r')"\s*:\s*\['
)
_BETWEEN: Final = re.compile(r"[\s,\x00\ufeff]*")
_NEXT: Final = re.compile(r"(?<=[}\]\n,\[])\s*\{")
_DECODER: Final = json.JSONDecoder(strict=False)


def records(stream: TextStream, intake: Intake) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each object with its number (from 1) in the stream."""
    head, ended = _head(stream)
    if ended:
        whole = _whole(head)
        if whole is not None:
            yield from enumerate(whole, 1)
            return
    yield from enumerate(_Scanner(_put_back(head, ended, stream), intake).objects(), 1)


def _head(stream: TextStream) -> tuple[str, bool]:
    """The beginning of a file, and whether that is all of it."""
    pieces: list[str] = []
    size = 0
    while size < _AT_ONCE:
        piece = stream.read()
        if not piece:
            return "".join(pieces), True
        pieces.append(piece)
        size += len(piece)
    return "".join(pieces), False


def _put_back(head: str, ended: bool, stream: TextStream) -> TextStream:
    waiting = [head] if head else []

    def read() -> str:
        if waiting:
            return waiting.pop()
        return "" if ended else stream.read()

    return TextStream(stream.name, read)


def _whole(text: str) -> list[dict[str, Any]] | None:
    """The records of a small and sound document at once, which most files are; None when it has to be looked at closely."""
    try:
        found = orjson.loads(text.lstrip("\ufeff"))
    except (ValueError, TypeError, RecursionError):
        return None
    if isinstance(found, dict):
        lists = [found[name] for name in LISTS if isinstance(found.get(name), list)]
        # An envelope has one list and otherwise nothing nested; a record may have anything.
        plain = sum(1 for value in found.values() if isinstance(value, (list, dict))) == 1
        found = lists[0] if len(lists) == 1 and plain else [found]
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else None


class _Scanner:
    def __init__(self, stream: TextStream, intake: Intake) -> None:
        self._stream, self._intake = stream, intake
        self._text, self._at, self._ended = "", 0, False

    def objects(self) -> Iterator[dict[str, Any]]:
        inside = 0
        while self._more_than_space():
            first = self._text[self._at]
            if first in "]}":
                # The end of the list, and after it that of the object around it.
                inside = max(0, inside - 1)
                self._at += 1
            elif first == "[" and not inside:
                inside = 1
                self._at += 1
            elif first == "{" and not inside and (opened := self._envelope()):
                inside = 2
                self._at = opened
            elif first == "{":
                found = self._object()
                if found is not None:
                    yield found
            elif inside == 1 and first == '"':
                self._rest_of_envelope()
            else:
                self._broken("not a JSON object")
                self._resync(self._at + 1)

    def _fill(self, wanted: int) -> bool:
        """Read on until ``wanted`` characters lie ahead; whether anything was added."""
        if self._ended:
            return False
        pieces, have = [self._text[self._at :]], len(self._text) - self._at
        before = have
        while have < wanted:
            piece = self._stream.read()
            if not piece:
                self._ended = True
                break
            pieces.append(piece)
            have += len(piece)
        self._text, self._at = "".join(pieces), 0
        return have > before

    def _more_than_space(self) -> bool:
        while True:
            between = _BETWEEN.match(self._text, self._at)
            self._at = between.end() if between else self._at
            if self._at < len(self._text):
                return True
            if not self._fill(1):
                return False

    def _envelope(self) -> int | None:
        """The place behind the ``[`` of an export's list, if an object with such a list begins here."""
        if len(self._text) - self._at < 65_536:
            self._fill(65_536)
        match = _ENVELOPE.match(self._text, self._at)
        return match.end() if match else None

    def _rest_of_envelope(self) -> None:
        """Behind the list, properties of the object around it may follow: nothing of them is needed."""
        end = self._text.find("}", self._at)
        while end < 0:
            if not self._fill(len(self._text) - self._at + 1):
                end = len(self._text)
                break
            end = self._text.find("}", self._at)
        self._at = end

    def _object(self) -> dict[str, Any] | None:
        """The object that begins here; None when it is broken, and then reading goes on behind it."""
        wanted = 1 << 16
        while True:
            try:
                found, self._at = _DECODER.raw_decode(self._text, self._at)
            except JSONDecodeError as error:
                ahead = len(self._text) - self._at
                near_end = error.pos >= len(self._text) - 64 or error.msg.startswith("Unterminated string")
                if near_end and not self._ended and ahead < _LARGEST:
                    wanted = max(wanted * 2, ahead * 2)
                    self._fill(wanted)
                    continue
                self._broken("cut off" if near_end and self._ended else f"broken JSON ({error.msg})")
                self._resync(max(error.pos if not near_end else 0, self._at + 1))
                return None
            except RecursionError:
                self._broken("nested too deep")
                self._resync(self._at + 1)
                return None
            return found if isinstance(found, dict) else None

    def _broken(self, why: str) -> None:
        self._intake.broken_row(self._stream.name, why)

    def _resync(self, start: int) -> None:
        """Go to the next place where an object may begin: behind a line's end, a comma, a bracket."""
        self._at = start
        while True:
            match = _NEXT.search(self._text, self._at)
            if match:
                self._at = match.end() - 1
                return
            self._at = max(self._at, len(self._text) - 1)  # a lookbehind needs the last character
            if not self._fill(len(self._text) - self._at + 1):
                self._at = len(self._text)
                return
