"""The words of timelines: what codes are called, and how long something took, for people who don't know the platform."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

__all__ = [
    "CERTAINTY",
    "LANES",
    "OUTCOMES",
    "SLA",
    "STATUSES",
    "clip",
    "clocks_title",
    "human_name",
    "moment",
    "outcome_words",
    "plural",
    "short_day",
    "shown",
    "span",
    "when",
]

SLA: Final = "sla "
"""How clocks of the agreement with a client begin; all others are of notifications."""

LANES: Final = {"attacker": "Attacker", "people": "People", "platform": "Platform"}

OUTCOMES: Final = {
    "": "not begun",
    "observed": "read",
    "already": "was so already",
    "would_change": "would change",
    "changed": "changed, verified",
    "failed": "failed",
    "skipped": "not needed",
    "undone": "undone",
    "undo_failed": "undo failed",
    "unknown": "not known",
    "kept": "kept",
}

STATUSES: Final = {
    "running": "Running",
    "waiting_for_approval": "Waiting for a person",
    "interrupted": "Interrupted, can be resumed",
    "paused_by_failed_step": "Paused by a failed step",
    "planned": "Planned only, nothing changed",
    "completed": "Completed",
    "completed_with_exceptions": "Completed with exceptions",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "undone": "Undone",
}

CERTAINTY: Final = {
    "observed": "recorded when it happened, or not in question",
    "attributed": "a log says what happened; the stated rule says who",
    "uncertain": "may have been somebody else, or at another time; a person decides",
    "stated": "a person says so of another time",
}


def outcome_words(outcome: str, task: str = "") -> str:
    """What an outcome is called; a person's answer is not a reading."""
    if task.startswith("human.") and outcome == "observed":
        return "answered"
    return OUTCOMES.get(outcome, outcome)


_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def span(value: timedelta) -> str:
    """``26 h 4 min``, ``41 s``, ``0.38 s``, ``12 ms``: the two largest units; minus in front when negative."""
    seconds = abs(value).total_seconds()
    sign = "-" if value < timedelta(0) else ""
    if seconds == 0:
        return "0 s"
    if seconds < 0.001:
        return f"{sign}{seconds * 1e6:.0f} µs"
    if seconds < 0.1:
        return f"{sign}{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{sign}{seconds:.2g} s"
    left = round(seconds)
    units = (
        _UNITS if left >= 72 * 3600 else _UNITS[1:]
    )  # deadlines and dwell times are spoken of in hours up to three days
    parts: list[tuple[int, str]] = []
    for unit, size in units:
        amount, left = divmod(left, size)
        if amount or parts:
            parts.append((amount, unit))
    return sign + " ".join(f"{amount} {unit}" for amount, unit in parts[:2] if amount)


def moment(at: datetime) -> str:
    """``2026-11-20 01:13:07 UTC``"""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def when(at: datetime) -> str:
    """``Friday 20 November 2026 at 01:13 UTC``: for sentences."""
    utc = at.astimezone(UTC)
    return f"{_DAYS[utc.weekday()]} {utc.day} {_MONTHS[utc.month - 1]} {utc.year} at {utc:%H:%M} UTC"


def short_day(at: datetime) -> str:
    """``20 Nov``"""
    utc = at.astimezone(UTC)
    return f"{utc.day} {_MONTHS[utc.month - 1][:3]}"


# Not strftime's names: those follow the locale of the machine, and the same record must give the same text.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


_ACRONYMS: Final = frozenset(
    ["gdpr", "nis2", "hipaa", "sec", "circia", "ftc", "dora", "us", "eu", "ca", "ny", "mfa", "msp", "dns", "edr", "vpn"]
)
_CODE = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*\Z")


@functools.lru_cache(maxsize=4096)  # the same few codes for every event of a run
def human_name(code: str) -> str:
    """``remove_inbox_rule`` → ``Remove inbox rule``, ``gdpr-authority`` → ``GDPR authority``; what is no code stays."""
    if not _CODE.match(code):
        return code
    words = [word.upper() if word in _ACRONYMS else word for word in re.split("[_-]", code)]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 change``, ``3 changes``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def shown(value: Any, limit: int = 400) -> str:
    """A JSON value as people read it: text as it is, the rest as JSON."""
    if value is None:
        return "nothing"
    if value is True or value is False:
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    return clip(text, limit)


def clip(text: str, limit: int) -> str:
    """Cut with ``…`` where it is longer than ``limit`` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clocks_title(names: Iterable[str]) -> str:
    """What a list of these clocks is called."""
    return "Clocks" if any(name.startswith(SLA) for name in names) else "Notification clocks"
