"""Probing: an account that is refused again and again, or that looks at everything at once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from tenantry.sweep.collect import Collector
from tenantry.sweep.spool import Spool
from tenantry.sweep.statistics.make import make

__all__ = ["KIN", "check"]

_DENIED_APIS: Final = 6
_DENIED_CALLS: Final = 8
_DENIED_SHARE: Final = 0.3
_READ_APIS: Final = 25
_READ_SERVICES: Final = 6
_ROUTINE_DAYS: Final = 3
"""An account that does so on as many days does it for its work: a scanner, an inventory."""
_REMEDY: Final = "Find out who uses these credentials and whether they meant to; if in doubt, deactivate them and look at what they were allowed to do."
_INTERACTIVE: Final = ("console", "terraform", "cloudformation")
_WHO: Final = (
    "actor IN (SELECT actor FROM kin GROUP BY actor "  # noqa: S608 - made of constants
    f"HAVING COUNT(DISTINCT CASE WHEN outcome = 'denied' THEN name END) >= {_DENIED_APIS} OR COUNT(DISTINCT name) >= {_READ_APIS})"
)
"""Who never did so many different things cannot have done them at once."""
KIN: Final = f"SELECT number FROM kin WHERE {_WHO}"  # noqa: S608 - made of constants


@dataclass(slots=True)
class _Slot:
    number: int
    denied: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    reads: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)
    calls: int = 0
    first: float = 0.0
    last: float = 0.0
    denied_ids: list[str] = field(default_factory=list)
    read_ids: list[str] = field(default_factory=list)


def check(spool: Spool, collector: Collector) -> None:
    """Look at each account's slots, two neighbours at a time."""
    rows = spool.query(
        "SELECT actor, slot, name, service, client, outcome, SUM(n), MIN(first), MAX(last), MIN(events), MAX(reads) FROM activity "  # noqa: S608 - made of constants
        f"WHERE {_WHO} GROUP BY actor, slot, name, service, client, outcome ORDER BY actor, slot"
    )
    for actor, of in groupby(rows, key=lambda row: row[0]):
        slots = [_slot(number, list(group)) for number, group in groupby(of, key=lambda row: row[1])]
        _denied(str(actor), slots, collector)
        _reading(str(actor), slots, collector)


def _slot(number: int, rows: list[tuple[Any, ...]]) -> _Slot:
    made = _Slot(number, first=rows[0][7])
    for _, _, name, service, client, outcome, count, first, last, ids, reads in rows:
        made.calls += count
        made.first, made.last = min(made.first, first), max(made.last, last)
        if outcome == "denied":
            made.denied[name] += count
            made.denied_ids.extend(str(ids).split("\n"))
        if reads and client not in _INTERACTIVE and not str(client or "").startswith("browser"):
            made.reads.add(name)
            made.services.add(str(service))
            made.read_ids.extend(str(ids).split("\n"))
    return made


def _pairs(slots: list[_Slot]) -> list[tuple[_Slot, ...]]:
    """Each slot with its neighbour: what happens across the border of two slots is seen too."""
    return [
        (one, slots[at + 1]) if at + 1 < len(slots) and slots[at + 1].number == one.number + 1 else (one,)
        for at, one in enumerate(slots)
    ]


def _denied(actor: str, slots: list[_Slot], collector: Collector) -> None:
    hits = []
    for pair in _pairs(slots):
        apis = {name for slot in pair for name in slot.denied}
        denied = sum(sum(slot.denied.values()) for slot in pair)
        if (
            len(apis) >= _DENIED_APIS
            and denied >= _DENIED_CALLS
            and denied >= _DENIED_SHARE * sum(slot.calls for slot in pair)
        ):
            hits.append((pair, apis, denied))
    if not hits:
        return
    routine = len({pair[0].first // 86_400 for pair, _, _ in hits}) >= _ROUTINE_DAYS
    pair, apis, denied = max(hits, key=lambda one: len(one[1]))
    collector.put(
        make(
            "aws_denied_probing",
            "Many different calls refused in a short time",
            "low" if routine else "medium",
            ("T1580", "T1087.004"),
            ("principal", actor),
            _REMEDY,
            ids=[id for other, _, _ in hits for slot in other for id in slot.denied_ids],
            count=sum(count for _, _, count in hits),
            first=min(other[0].first for other, _, _ in hits),
            last=max(other[-1].last for other, _, _ in hits),
            summary=f"{denied} refused calls of {len(apis)} different operations within twenty minutes: somebody tries what these credentials may do.",
            operations=sorted(apis)[:40],
            refused=denied,
            of_all_calls=sum(slot.calls for slot in pair),
            routine=routine,
        )
    )


def _reading(actor: str, slots: list[_Slot], collector: Collector) -> None:
    hits = []
    for pair in _pairs(slots):
        apis = set().union(*(slot.reads for slot in pair))
        services = set().union(*(slot.services for slot in pair))
        if len(apis) >= _READ_APIS and len(services) >= _READ_SERVICES:
            hits.append((pair, apis, services))
    if not hits:
        return
    days = len({pair[0].first // 86_400 for pair, _, _ in hits})
    pair, apis, services = max(hits, key=lambda one: len(one[1]))
    refused = {name for other, _, _ in hits for slot in other for name in slot.denied}
    suspicious = len(refused) >= 3 and days < _ROUTINE_DAYS
    collector.put(
        make(
            "aws_enumeration_burst",
            "Reads across many services in a short time",
            "medium" if suspicious else "info",
            ("T1580", "T1526", "T1087.004"),
            ("principal", actor),
            _REMEDY,
            ids=[id for other, _, _ in hits for slot in other for id in slot.read_ids],
            count=sum(slot.calls for slot in pair),
            first=min(other[0].first for other, _, _ in hits),
            last=max(other[-1].last for other, _, _ in hits),
            summary=f"{len(apis)} different reading operations of {len(services)} services within twenty minutes, {len(refused)} of them refused.",
            services=sorted(services),
            refused=sorted(refused)[:40],
            days_on_which_it_does_so=days,
        )
    )
