"""One session from two networks with two clients: its token was taken. A person who moves keeps the program."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import Any, Final

from tenantry.sweep.collect import Collector
from tenantry.sweep.spool import Spool
from tenantry.sweep.statistics.make import make

__all__ = ["KIN", "check"]

_REMEDY: Final = "Revoke the account's sessions, look at what the second client did, and find out how the token was taken (phishing proxy, malware)."
_SERVERS: Final = ("console", "")
_WHO: Final = (
    "network LIKE '%/%' AND outcome = 'success' AND session IN ("
    "SELECT session FROM kin WHERE session IS NOT NULL AND network LIKE '%/%' AND session NOT LIKE 'AKIA%' AND outcome = 'success' "
    "GROUP BY session HAVING COUNT(DISTINCT network) > 1)"
)
KIN: Final = f"SELECT number FROM kin WHERE {_WHO}"  # noqa: S608 - made of constants


def check(spool: Spool, collector: Collector, format: str) -> None:
    """Look at every session that was used from more than one network."""
    aws = format == "cloudtrail"
    rows = spool.query(
        "SELECT session, actor, network, client, MIN(first), MAX(last), MIN(events), SUM(n), MIN(ip) FROM activity "  # noqa: S608 - made of constants
        f"WHERE {_WHO} GROUP BY session, actor, network, client ORDER BY session, actor, 5"
    )
    for (_session, actor), of in groupby(rows, key=lambda row: (row[0], row[1])):
        found = list(of)
        pair = _apart(found, aws=aws)
        if pair is None:
            continue
        first, second = pair
        collector.put(
            make(
                "session_from_two_places",
                "One session used from two networks with two clients",
                "high",
                ("T1550.004", "T1539") if not aws else ("T1550.001", "T1552.005"),
                ("principal" if aws else "account", str(actor)),
                _REMEDY,
                ids=[id for row in (first, second) for id in str(row[6]).split("\n")],
                count=sum(row[7] for row in found),
                first=first[4],
                last=second[5],
                summary=f"Begun from {first[8]} with {first[3]!r}, used from {second[8]} with {second[3]!r}.",
                networks=sorted({str(row[2]) for row in found}),
                clients=sorted({str(row[3]) for row in found}),
            )
        )


def _apart(rows: list[tuple[Any, ...]], *, aws: bool) -> tuple[tuple[Any, ...], tuple[Any, ...]] | None:
    """Two rows whose networks share no client."""
    clients: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row[3] not in _SERVERS:
            clients[row[2]].add(row[3])
    first = next((row for row in rows if row[3] not in _SERVERS), None)
    if first is None:
        return None
    for row in rows:
        if row[2] == first[2] or not clients[row[2]] or row[3] in _SERVERS:
            continue
        instance = aws and str(row[1]).rpartition("/")[2].startswith(("i-", "mi-"))
        if instance or (
            not clients[row[2]] & clients[first[2]] and _kinds(clients[row[2]]) != _kinds(clients[first[2]])
        ):
            return first, row
    return None


def _kinds(clients: set[str]) -> set[str]:
    """Browsers by their system: a mail program and a browser of one device share a session."""
    return {one.split()[-1] if one.startswith("browser") else one for one in clients}
