"""Reading what somebody else wrote: each value looked for by its path, of the type that is meant, or refused by name."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from tenantry.alerts.model import clean
from tenantry.errors import InvalidInput

__all__ = ["NotJson", "Reading", "parsed", "severity_of", "techniques"]

_TECHNIQUE: Final = re.compile(r"T\d{4}(?:\.\d{3})?\Z")
_LATEST: Final = 4_102_444_800
"""2100-01-01, in seconds: a number beyond is one of milliseconds."""


def parsed(body: bytes) -> Any:
    """A body as JSON (RFC 8259: UTF-8, no NaN; nested no deeper than the parser goes, which is 1,024).

    Raises:
        NotJson: it is none. What stands in it is not repeated.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NotJson("is not JSON", place="body") from None


class NotJson(InvalidInput):
    """A body that cannot be read at all."""

    code = "not_json"
    remedy = "Send JSON in UTF-8."


class Reading:
    """One JSON object.

    Args:
        value: the object.
        place: where it stands, for complaints.

    Raises:
        InvalidInput: not an object; from every method, that a value is missing or of another type.
    """

    def __init__(self, value: Any, place: str = "body") -> None:
        if not isinstance(value, Mapping):
            raise InvalidInput("an object is expected", place=place)
        self._value = value
        self._place = place

    def at(self, path: str) -> Any:
        """What stands at a path of names and positions with dots between; None where there is nothing."""
        found: Any = self._value
        for part in path.split("."):
            if isinstance(found, Mapping):
                found = found.get(part)
            elif isinstance(found, Sequence) and not isinstance(found, str) and part.isdecimal() and len(part) < 5:
                found = found[int(part)] if int(part) < len(found) else None
            else:
                return None
        return found

    def text(self, path: str, most: int = 300) -> str:
        """A text that is there."""
        found = self.maybe(path, most)
        if not found:
            raise InvalidInput("a text is expected", place=f"{self._place}.{path}")
        return found

    def maybe(self, path: str, most: int = 300) -> str:
        """A text, a number as text, or empty where there is none."""
        found = self.at(path)
        if found is None:
            return ""
        if isinstance(found, bool) or not isinstance(found, str | int | float):
            raise InvalidInput("a text is expected", place=f"{self._place}.{path}")
        if isinstance(found, float) and found.is_integer() and abs(found) < 2**53:
            found = int(found)
        return clean(str(found), most)

    def number(self, path: str) -> float:
        """A number that is there."""
        found = self.at(path)
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
            raise InvalidInput("a number is expected", place=f"{self._place}.{path}")
        return float(found)

    def values(self, path: str, most: int = 1_000) -> list[Any]:
        """A list; empty where there is none."""
        found = self.at(path)
        if found is None:
            return []
        if not isinstance(found, list) or len(found) > most:
            raise InvalidInput(f"a list of at most {most} is expected", place=f"{self._place}.{path}")
        return found

    def objects(self, path: str, most: int = 1_000) -> list[Reading]:
        """A list of objects."""
        return [Reading(one, f"{self._place}.{path}.{n}") for n, one in enumerate(self.values(path, most))]

    def texts(self, path: str, most: int = 20) -> tuple[str, ...]:
        """The texts of a list, cleaned, without empty ones, the first so many."""
        found = (clean(one, 300) for one in self.values(path) if isinstance(one, str))
        return tuple(dict.fromkeys(one for one in found if one))[:most]

    def time(self, path: str) -> datetime | None:
        """RFC 3339, or seconds or milliseconds since 1970; None where nothing readable stands: nothing is decided by it."""
        found = self.at(path)
        try:
            if isinstance(found, str):
                made = datetime.fromisoformat(found.strip()[:40])
                return made if made.tzinfo is not None else made.replace(tzinfo=UTC)
            if isinstance(found, int | float) and not isinstance(found, bool):
                return datetime.fromtimestamp(found if abs(found) < _LATEST else found / 1_000, UTC)
        except (ValueError, OverflowError, OSError):
            return None
        return None


def severity_of(value: float, steps: Sequence[tuple[float, str]]) -> str:
    """A number as a severity: the first of the steps, the highest first, that it reaches; info below all."""
    return next((name for least, name in steps if value >= least), "info")


def techniques(found: Sequence[Any]) -> tuple[str, ...]:
    """What of these are ATT&CK techniques."""
    return tuple(dict.fromkeys(one for one in found if isinstance(one, str) and _TECHNIQUE.match(one)))[:50]
