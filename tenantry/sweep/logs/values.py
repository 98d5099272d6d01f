"""Small things that all readers need: times, addresses, clients, e-mail addresses, safe looks into nested data."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Container, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

__all__ = [
    "address",
    "addresses",
    "as_list",
    "client_family",
    "inner",
    "network",
    "parsed",
    "seconds",
    "strings",
    "text",
]

_MAIL: Final = re.compile(r"[A-Za-z0-9._%+'#$!-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6}")
_LATEST: Final = 253_402_300_800.0
"""The end of the year 9999."""
_FAST_TIME: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?\Z")
_US_TIME: Final = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})[ T,]+(\d{1,2}):(\d\d)(?::(\d\d))?\s*([AP]M)?\Z", re.IGNORECASE
)


_MINUTES: Final[dict[str, float]] = {}
_MOST_MINUTES: Final = 4096
_SECONDS: Final = {f"{second:02d}Z": float(second) for second in range(60)}


def text(value: Any) -> str:
    """A string for what may be one, "" for the rest."""
    if isinstance(value, str):
        return value
    return "" if value is None or isinstance(value, (dict, list)) else str(value)


def inner(data: Any, *path: str) -> Any:
    """The value at a path of keys, or None."""
    for key in path:
        if type(data) is not dict and not isinstance(data, Mapping):
            return None
        data = data.get(key)
    return data


def as_list(value: Any) -> list[Any]:
    """A list for a list, one thing, or nothing."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def parsed(value: Any) -> Any:
    """What a string of JSON holds; any other value as it is."""
    if isinstance(value, str) and value[:1] in '[{"' and value:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def without(view: dict[str, Any], own: Container[str]) -> None:
    """Take out of ``outside`` who belongs here."""
    outside = view.get("outside")
    if isinstance(outside, list):
        left = [one for one in outside if one not in own]
        if left:
            view["outside"] = left
        else:
            del view["outside"]


def strings(value: Any, depth: int = 0) -> Iterator[str]:
    """Every string in nested data."""
    if isinstance(value, str):
        yield value
    elif depth < 12:
        for one in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
            yield from strings(one, depth + 1)


def seconds(value: Any) -> float | None:
    """Seconds since the epoch. Without a zone it is UTC, as Microsoft's and Amazon's logs mean it; None if it is no time."""
    if type(value) is str:
        # The same minute has been met, as it mostly has.
        met, rest = _MINUTES.get(value[:17]), _SECONDS.get(value[17:])
        if met is not None and rest is not None:
            return met + rest
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        found = float(value) / 1000 if value > 1e11 else float(value)
        return found if 0 <= found < _LATEST else None
    if not isinstance(value, str):
        return None
    if len(value) == 20 and value[-1] == "Z" and value[4] == value[7] == "-" and value[13] == value[16] == ":":
        try:
            begun = _day(value[:10]) + int(value[11:13]) * 3600 + int(value[14:16]) * 60
            if len(_MINUTES) >= _MOST_MINUTES:
                _MINUTES.clear()
            _MINUTES[value[:17]] = begun
            return begun + int(value[17:19])
        except ValueError:
            return None
    matched = _FAST_TIME.match(value.strip())
    try:
        if matched:
            year, month, day, hour, minute, second, fraction, zone = matched.groups()
            base = _midnight(int(year), int(month), int(day)) + int(hour) * 3600 + int(minute) * 60 + int(second)
            if fraction:
                base += float(fraction)
            if zone and zone != "Z":
                sign = -1 if zone[0] == "+" else 1
                base += sign * (int(zone[1:3]) * 3600 + int(zone[-2:]) * 60)
            return base
        slashes = _US_TIME.match(value.strip())
        if slashes:
            month, day, year, hour, minute, second, half = slashes.groups()
            clock = int(hour) % 12 + (12 if half.upper() == "PM" else 0) if half else int(hour)
            return _midnight(int(year), int(month), int(day)) + clock * 3600 + int(minute) * 60 + int(second or 0)
    except (ValueError, OverflowError):
        return None
    return None


@lru_cache(maxsize=4096)
def _day(value: str) -> float:
    return _midnight(int(value[:4]), int(value[5:7]), int(value[8:]))


@lru_cache(maxsize=4096)
def _midnight(year: int, month: int, day: int) -> float:
    return datetime(year, month, day, tzinfo=UTC).timestamp()


@lru_cache(maxsize=65_536)
def address(value: str) -> str:
    """An IP address without port, brackets and IPv4-in-IPv6 prefix; other text (a service's name) as it is."""
    found = value.strip().strip("[]")
    if "]" in found:
        found = found.split("]")[0]
    elif found.count(":") == 1:
        found = found.split(":")[0]
    return found.removeprefix("::ffff:")


@lru_cache(maxsize=65_536)
def network(value: str) -> str:
    """The neighbourhood of an address: /16 of IPv4, /32 of IPv6; names as they are. Providers hand out addresses from
    such blocks, so that a new lease is no new place."""
    try:
        found = ipaddress.ip_address(value)
    except ValueError:
        return value
    return str(ipaddress.ip_network(f"{found}/{16 if found.version == 4 else 32}", strict=False))


def addresses(value: Any) -> list[str]:
    """The e-mail addresses in nested data, lower-case, each once."""
    return list(dict.fromkeys(found.lower().strip("'") for one in strings(value) for found in _MAIL.findall(one)))


_FAMILIES: Final = (
    (
        "console",
        ("AWS Internal", "console.amazonaws.com", "signin.amazonaws.com", "S3Console", "RDS Console", "Coral/"),
    ),
    ("terraform", ("Terraform", "OpenTofu", "HashiCorp", "Pulumi")),
    ("cloudformation", ("cloudformation",)),
    ("aws-cli", ("aws-cli",)),
    ("boto", ("Boto3", "Botocore")),
    ("powershell", ("PowerShell",)),
    ("python", ("python-requests", "python-httpx", "aiohttp", "Python-urllib", "python/")),
    ("go", ("Go-http-client", "aws-sdk-go", "go-resty", "fasthttp")),
    ("node", ("axios", "node-fetch", "undici", "aws-sdk-nodejs", "aws-sdk-js", "node/")),
    ("java", ("aws-sdk-java", "Java/", "okhttp")),
    ("curl", ("curl/", "Wget/")),
    ("legacy-mail", ("BAV2ROPC", "CBAInPROD", "CBAInTAR", "MSRPC")),
    ("outlook", ("Outlook", "Microsoft Office", "MSOffice", "Client=MSExchangeRPC")),
    ("activesync", ("ActiveSync", "Apple-iPhone", "Apple-iPad", "Android-Mail")),
)
_SYSTEMS: Final = (
    ("iPhone", "ios"),
    ("iPad", "ios"),
    ("Android", "android"),
    ("Windows", "windows"),
    ("Macintosh", "mac"),
    ("Mac OS", "mac"),
    ("Linux", "linux"),
)
_BROWSERS: Final = (
    ("Edg", "edge"),
    ("OPR/", "opera"),
    ("Firefox", "firefox"),
    ("Chrome", "chrome"),
    ("CriOS", "chrome"),
    ("Safari", "safari"),
)


@lru_cache(maxsize=16_384)
def client_family(agent: str) -> str:
    """What kind of program a user agent names, without its versions: those change by themselves."""
    if not agent:
        return ""
    for family, marks in _FAMILIES:
        if any(mark in agent for mark in marks):
            return family
    if "Mozilla/" in agent:
        system = next((name for mark, name in _SYSTEMS if mark in agent), "other")
        browser = next((name for mark, name in _BROWSERS if mark in agent), "other")
        return f"browser {browser} {system}"
    return re.split(r"[/ (;\[]", agent.lstrip("["), maxsplit=1)[0].lower()[:40]
