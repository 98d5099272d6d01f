"""OpenSSH's server log: syslog files (old and ISO time stamps) and the journal as JSON.

It has no event ids: an event's id is ``file:line``. Old time stamps have no year; it is the one that puts the line before
now, and a day at most behind it. The view:

===========  ==================================================================================================
``name``     failed, invalid_user, accepted, too_many, opened, closed, other
``actor``    the account                      ``method``  password, publickey, keyboard-interactive …
``ip``       the client's address; ``network``; ``public`` whether it is one of the Internet's
``target``   the host                         ``key``     the key's fingerprint
``outcome``  success, failure                 ``user``    the account's name, ``account`` with the host
``program``  sshd
===========  ==================================================================================================
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from tenantry.sweep.logs.files import Intake, TextStream
from tenantry.sweep.logs.values import address, network, parsed, seconds, text
from tenantry.sweep.model import Event

__all__ = ["line_event", "read"]

_LINE: Final = re.compile(
    r"(?:<\d+>\d?\s*)?(?P<time>[A-Z][a-z]{2}\s+\d{1,2}\s\d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*)\s+(?P<host>\S+)\s+"
    r"(?P<program>[\w.-]+)(?:\[\d+\])?:\s*(?P<message>.*)"
)
_MESSAGES: Final = (
    (
        re.compile(
            r"Accepted (?P<method>\S+) for (?P<user>\S*) from (?P<ip>\S+) port \d+(?: ssh2)?(?:: (?P<kind>\S+) (?P<key>\S+))?"
        ),
        "accepted",
    ),
    (
        re.compile(r"Failed (?P<method>\S+) for (?P<invalid>invalid user )?(?P<user>.*) from (?P<ip>\S+) port \d+"),
        "failed",
    ),
    (re.compile(r"(?:Invalid|Illegal) user (?P<user>.*) from (?P<ip>\S+)"), "invalid_user"),
    (
        re.compile(
            r"(?:error: )?maximum authentication attempts exceeded for (?:invalid user )?(?P<user>.*) from (?P<ip>\S+)"
        ),
        "too_many",
    ),
    (re.compile(r"User (?P<user>\S+) from (?P<ip>\S+) not allowed because"), "failed"),
    (re.compile(r"pam_unix\(sshd:session\): session opened for user (?P<user>[^\s(]+)"), "opened"),
    (re.compile(r"pam_unix\(sshd:session\): session closed for user (?P<user>[^\s(]+)"), "closed"),
    (
        re.compile(
            r"(?:Disconnected from|Connection (?:closed|reset) by) (?:authenticating |invalid )?user (?P<user>\S+) (?P<ip>\S+) port"
        ),
        "closed",
    ),
)
_PROGRAMS: Final = ("sshd", "sshd-session", "sshd-auth")
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}


def read(stream: TextStream, intake: Intake) -> Iterator[Event]:
    """The server's lines of one file; those of other programs are passed over."""
    now = datetime.now(UTC)
    for number, line in enumerate(stream.lines(), 1):
        if not line.strip():
            continue
        found = _journal(line) if line.startswith("{") else _LINE.match(line)
        if not found:
            intake.broken_row(f"{stream.name}:{number}", "no line of a system log")
            continue
        parts = found if isinstance(found, dict) else found.groupdict()
        if parts["program"] not in _PROGRAMS:
            continue
        time = _time(parts["time"], now)
        if time is None:
            intake.broken_row(f"{stream.name}:{number}", "no time")
            continue
        yield line_event(f"{stream.name}:{number}", time, parts["host"], parts["message"], line)


def record_event(record: Mapping[str, Any]) -> Event | None:
    """The view of one line that a host gave: ``id``, ``time`` (seconds since the epoch), ``host``, ``message`` without what stands
    before it, ``line``. None where one of them is missing."""
    try:
        return line_event(
            str(record["id"]), float(record["time"]), str(record["host"]), str(record["message"]), str(record["line"])
        )
    except (KeyError, TypeError, ValueError):
        return None


def line_event(id: str, time: float, host: str, message: str, line: str) -> Event:
    """The view of one message of the server."""
    view: dict[str, Any] = {
        "name": "other",
        "actor": host,
        "actor_type": "host",
        "target": host,
        "message": message,
        "program": "sshd",
    }
    for pattern, name in _MESSAGES:
        found = pattern.match(message)
        if found:
            parts = found.groupdict()
            ip = address(parts.get("ip") or "")
            view.update(
                name=name,
                actor=parts["user"] or "(none)",
                actor_type="user",
                account=f"{parts['user']}@{host}",
                user=parts["user"],
                method=parts.get("method"),
                key=parts.get("key"),
                ip=ip or None,
                network=network(ip) if ip else None,
                public=_public(ip),
                invalid=bool(parts.get("invalid")) or name == "invalid_user",
                outcome="success" if name in ("accepted", "opened") else "failure",
            )
            break
    return Event(id, time, view["name"], view, {"message": message, "hostname": host, "line": line})


def _public(ip: str) -> bool:
    try:
        return ipaddress.ip_address(ip).is_global
    except ValueError:
        return False


def _journal(line: str) -> dict[str, str] | None:
    data = parsed(line)
    if not isinstance(data, dict):
        return None
    return {
        "time": text(data.get("__REALTIME_TIMESTAMP")),
        "host": text(data.get("_HOSTNAME")) or "host",
        "program": text(data.get("_COMM")) or text(data.get("SYSLOG_IDENTIFIER")),
        "message": text(data.get("MESSAGE")),
    }


def _time(value: str, now: datetime) -> float | None:
    if value.isdigit():
        return int(value) / 1_000_000
    if value[:1].isdigit():
        return seconds(value)
    month, day, clock = value.split()
    hour, minute, second = (int(part) for part in clock.split(":"))
    try:
        found = datetime(now.year, _MONTHS[month], int(day), hour, minute, second, tzinfo=UTC)
        if (found - now).total_seconds() > 86_400:
            found = found.replace(year=now.year - 1)
    except (KeyError, ValueError):
        return None
    return found.timestamp()
