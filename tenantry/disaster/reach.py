"""What a value would reach: whether something of a rehearsal still names what it rehearses for, alone or inside of a longer value.

A host stands in an address, a mount, a connection string; a database in a resource name. So a name is looked for as a word: between signs that a name cannot
have, whatever its case, and behind percent-encoding too. That refuses more than it must, never less, and a scratch target is what may stand there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from tenantry.disaster.plan import Plan

__all__ = ["RealNames", "strings"]

_WORD: Final = r"[A-Za-z0-9_-]"
_ASKED: Final = ("host", "url", "address", "name")
"""Fields of health checks that say where they are asked."""


class RealNames:
    """What a plan's rehearsal must not reach: its sites, what its checks ask, and what scratch targets stand for."""

    def __init__(self, plan: Plan) -> None:
        scratch = plan.drill.scratch
        self._scratch = _any_of({*scratch.values(), *map(unquote, scratch.values())})
        asked = (
            value
            for system in plan.systems
            for probe in (*system.primary_health, *system.health, *system.primary_data, *system.data)
            for field in _ASKED
            if isinstance(value := getattr(probe, field, None), str)
        )
        whole = {site for one in plan.systems for site in (one.primary, one.recovery)} | set(scratch)
        self._whole = whole - set(scratch.values())
        names = {name for value in (*whole, *asked) for name in (value, *_inside(value))}
        names -= {name for value in scratch.values() for name in (value, *_inside(value))}
        self._names = _any_of(names)

    def is_one(self, value: str) -> bool:
        """The whole value is a site of the plan, or what a scratch target stands for."""
        return value in self._whole

    def found_in(self, value: str) -> str | None:
        """The first real name that stands anywhere in it but inside of a scratch target's; None: there is none."""
        for text in dict.fromkeys((value, unquote(value))):
            scratch = [one.span() for one in self._scratch.finditer(text)]
            for found in self._names.finditer(text):
                if not any(begin <= found.start() and found.end() <= end for begin, end in scratch):
                    return found[0]
        return None


def strings(value: Any) -> Iterator[str]:
    """Every text of a step's parameters or of a check."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from strings(inner)


def _inside(value: str) -> Iterator[str]:
    """What a value names besides itself: an address its host, an Amazon resource name the resource."""
    if "://" in value:
        host = urlsplit(value).hostname
        if host:
            yield host
    elif value.startswith("arn:"):
        yield re.split(r"[:/]", value)[-1]


def _any_of(names: Iterable[str]) -> re.Pattern[str]:
    """Any of these as a word; the longest first, so that a scratch name is taken as a whole."""
    written = [re.escape(name) for name in sorted((one for one in names if one), key=len, reverse=True)]
    some = "|".join(written) or r"(?!)"
    return re.compile(rf"(?<!{_WORD})(?:{some})(?!{_WORD})", re.IGNORECASE)
