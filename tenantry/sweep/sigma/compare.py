"""Sigma's comparisons as functions of one scalar.

What they mean is Sigma's (https://github.com/SigmaHQ/sigma-specification): strings without regard to case, ``*`` and ``?`` as wildcards.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
    TimestampPart,
)

from tenantry.sweep.logs.values import seconds

__all__ = ["Test", "Unsupported", "said", "scalar_test", "string_test"]

Test = Callable[[Any], bool]


class Unsupported(Exception):
    """Why a rule cannot be evaluated."""


def said(value: Any) -> str:
    """A value as text, booleans as JSON writes them."""
    if type(value) is str:
        return value
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def scalar_test(value: Any) -> Test:
    """A function of one scalar that is not None."""
    if isinstance(value, SigmaString):
        return string_test(value)
    if isinstance(value, SigmaBool):
        wanted = {"true", "1"} if value.boolean else {"false", "0"}
        return lambda found: said(found).lower() in wanted
    if isinstance(value, SigmaTimestampPart):
        return _time_part(value)
    if isinstance(value, SigmaNumber):
        number = value.number
        return lambda found: _number(found) == number and not isinstance(found, bool)
    if isinstance(value, SigmaCompareExpression):
        return _comparison(value)
    if isinstance(value, SigmaRegularExpression):
        return _regular(value)
    if isinstance(value, SigmaCIDRExpression):
        return _cidr(value)
    raise Unsupported(f"it compares with a {type(value).__name__}")


def string_test(value: SigmaString) -> Test:
    """A comparison with a string, its wildcards filled in.

    Raises:
        Unsupported: it has a placeholder.
    """
    parts = list(value.s)
    if any(not isinstance(part, (str, SpecialChars)) for part in parts):
        raise Unsupported("it has a placeholder that nothing here fills")
    cased = isinstance(value, SigmaCasedString)
    plain = [part if cased or not isinstance(part, str) else part.lower() for part in parts]
    many = SpecialChars.WILDCARD_MULTI
    if cased:
        fold: Callable[[Any], str] = said
    else:
        fold = lambda found: found.lower() if type(found) is str else said(found).lower()  # noqa: E731 - chosen once
    match plain:
        case []:
            return lambda found: said(found) == ""
        case [str() as whole]:
            return lambda found: fold(found) == whole
        case [str() as start, last] if last is many:
            return lambda found: fold(found).startswith(start)
        case [first, str() as end] if first is many:
            return lambda found: fold(found).endswith(end)
        case [first, str() as middle, last] if first is many and last is many:
            return lambda found: middle in fold(found)
        case [only] if only is many:
            return lambda found: True  # noqa: ARG005 - `field: '*'` asks only that there is one
    pattern = re.compile("".join(_glob(part) for part in plain), re.DOTALL)
    return lambda found: pattern.fullmatch(fold(found)) is not None


def _glob(part: Any) -> str:
    if isinstance(part, str):
        return re.escape(part)
    return ".*" if part is SpecialChars.WILDCARD_MULTI else "."


def _regular(value: SigmaRegularExpression) -> Test:
    flags = re.NOFLAG
    for flag in value.flags:
        flags |= SigmaRegularExpression.sigma_to_python_flags[flag]
    try:
        pattern = re.compile(
            str(value.regexp.to_plain_regex() if hasattr(value.regexp, "to_plain_regex") else value.regexp), flags
        )
    except re.error as error:
        raise Unsupported(f"its regular expression is none of Python's ({error})") from error
    return lambda found: pattern.search(said(found)[:65_536]) is not None


def _cidr(value: SigmaCIDRExpression) -> Test:
    block = value.network

    def within(found: Any) -> bool:
        try:
            return ipaddress.ip_address(said(found)) in block
        except ValueError:
            return False

    return within


def _number(found: Any) -> float | None:
    if isinstance(found, (int, float)):
        return found
    try:
        return float(found)
    except (TypeError, ValueError):
        return None


_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "LT": lambda a, b: a < b,
    "LTE": lambda a, b: a <= b,
    "GT": lambda a, b: a > b,
    "GTE": lambda a, b: a >= b,
    "NEQ": lambda a, b: a != b,
}


def _comparison(value: SigmaCompareExpression) -> Test:
    compare = _OPERATORS.get(value.op.name)
    if compare is None:
        raise Unsupported(f"it compares by {value.op.name}")
    bound = float(value.number.number)

    def test(found: Any) -> bool:
        number = None if isinstance(found, bool) else _number(found)
        return number is not None and compare(number, bound)

    return test


_PARTS: Final[dict[TimestampPart, Callable[[datetime], int]]] = {
    TimestampPart.MINUTE: lambda at: at.minute,
    TimestampPart.HOUR: lambda at: at.hour,
    TimestampPart.DAY: lambda at: at.day,
    TimestampPart.WEEK: lambda at: int(at.strftime("%W")),
    TimestampPart.MONTH: lambda at: at.month,
    TimestampPart.YEAR: lambda at: at.year,
}


def _time_part(value: SigmaTimestampPart) -> Test:
    part, wanted = _PARTS[value.timestamp_part], value.number

    def test(found: Any) -> bool:
        at = seconds(found)
        return at is not None and part(datetime.fromtimestamp(at, UTC)) == wanted

    return test
