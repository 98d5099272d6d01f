"""New places: an account from a network and with a client that it never used, and then something sensitive; regions that
nobody used; sign-ins too far apart for one person."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import groupby
from typing import Any, Final

from tenantry.sweep.collect import Collector
from tenantry.sweep.spool import Spool
from tenantry.sweep.statistics.make import SENSITIVE, make

__all__ = ["IN_REGIONS", "MOVED", "SIGNED_IN", "check_combinations", "check_regions", "check_travel"]

_PAST_SECONDS: Final = 18 * 3600
_PAST_EVENTS: Final = 20
"""How much an account must have done before anything of it can be called new."""
_FOLLOWS: Final = 4 * 3600
_SHARED: Final = 3
"""A network from which as many accounts work is the company's, or its VPN's."""
_FAST: Final = 900.0
"""km/h: an airliner."""
_FAR: Final = 500.0
"""km; addresses are placed no more exactly than that."""
_REGION_EVENTS: Final = 100
_MOVERS: Final = (
    "network LIKE '%/%' AND client != '' AND actor IN (SELECT actor FROM kin WHERE network LIKE '%/%' AND client != '' "
    "GROUP BY actor HAVING COUNT(DISTINCT network) > 1 AND COUNT(DISTINCT client) > 1)"
)
"""Who has one network and one client has none that is new."""
_CHANGES: Final = "reads = 0 AND outcome = 'success' AND region IS NOT NULL"
_SIGN_INS: Final = "kind = 'sign_in' AND outcome = 'success' AND place IS NOT NULL"
MOVED: Final = f"SELECT number FROM kin WHERE {_MOVERS}"  # noqa: S608 - made of constants
IN_REGIONS: Final = (
    f"SELECT number FROM kin WHERE {_CHANGES} AND (SELECT COUNT(DISTINCT region) FROM kin WHERE {_CHANGES}) > 1"  # noqa: S608 - made of constants
)
SIGNED_IN: Final = f"SELECT number FROM kin WHERE {_SIGN_INS}"  # noqa: S608 - made of constants
_REMEDY: Final = "Ask the account's owner, by a way that the account does not reach, whether it was them; if not, contain the account."


def _shared_networks(spool: Spool) -> set[str]:
    return {
        str(network)
        for network, users in spool.query(
            "SELECT network, COUNT(DISTINCT actor) FROM kin WHERE network IS NOT NULL AND outcome = 'success' GROUP BY network"
        )
        if users >= _SHARED
    }


def check_combinations(spool: Spool, collector: Collector, format: str) -> None:
    """Network and client both new for the account, and a sensitive operation from there soon after."""
    shared = _shared_networks(spool)
    rows = spool.query(
        "SELECT actor, first, last, network, client, name, n, events, ip, place, outcome FROM activity "  # noqa: S608 - made of constants
        f"WHERE {_MOVERS} ORDER BY actor, first"
    )
    kind = "principal" if format == "cloudtrail" else "account"
    for actor, of in groupby(rows, key=lambda row: row[0]):
        networks: dict[str, float] = {}
        clients: dict[str, float] = {}
        new: dict[tuple[str, str], float] = {}
        start, events = None, 0
        acts: dict[tuple[str, str], list[tuple[Any, ...]]] = defaultdict(list)
        for row in of:
            _, first, _, network, client, name, count, *_rest = row
            start = first if start is None else start
            if (
                network not in networks
                and client not in clients
                and network not in shared
                and first - start >= _PAST_SECONDS
                and events >= _PAST_EVENTS
            ):
                new[(network, client)] = first
            networks.setdefault(network, first)
            clients.setdefault(client, first)
            events += count
            if (
                name in SENSITIVE
                and row[10] == "success"
                and (network, client) in new
                and first - new[(network, client)] <= _FOLLOWS
            ):
                acts[(network, client)].append(row)
        for (network, client), rows_of in acts.items():
            names = sorted({str(row[5]) for row in rows_of})
            collector.put(
                make(
                    "new_origin_then_sensitive",
                    "Sensitive change from a network and a client that the account never used",
                    "high" if len(names) > 1 else "medium",
                    ("T1078.004",),
                    (kind, str(actor)),
                    _REMEDY,
                    ids=[id for row in rows_of for id in str(row[7]).split("\n")],
                    count=sum(row[6] for row in rows_of),
                    first=rows_of[0][1],
                    last=rows_of[-1][2],
                    summary=f"First seen from {network} and with {client!r}; within four hours: {', '.join(names)}.",
                    network=network,
                    client=client,
                    usual_networks=[one for one in networks if one != network][:10],
                    usual_clients=[one for one in clients if one != client][:10],
                    addresses=sorted({str(row[8]) for row in rows_of if row[8]}),
                )
            )


def check_regions(spool: Spool, collector: Collector) -> None:
    """Changes in a region in which nothing was ever changed before, by an account that works elsewhere."""
    rows = list(
        spool.query(
            f"SELECT region, SUM(n), MIN(first), COUNT(DISTINCT actor) FROM activity WHERE {_CHANGES} GROUP BY region"  # noqa: S608 - made of constants
        )
    )
    total = sum(row[1] for row in rows)
    begun = min((row[2] for row in rows), default=0.0)
    for region, count, first, _actors in rows:
        if total - count < _REGION_EVENTS or count > total * 0.05 or first - begun < 3600:
            continue
        for actor, names, ids, number, one_first, one_last in spool.query(
            "SELECT actor, GROUP_CONCAT(DISTINCT name), GROUP_CONCAT(events, char(10)), SUM(n), MIN(first), MAX(last) FROM activity "
            "WHERE region = ? AND reads = 0 AND outcome = 'success' GROUP BY actor",
            (region,),
        ):
            starts = "RunInstances" in str(names)
            collector.put(
                make(
                    "aws_new_region",
                    "Changes in a region that was not used before",
                    "medium" if starts else "low",
                    ("T1535",),
                    ("principal", str(actor)),
                    "If nobody meant to work there, remove what was made and close the region with a service control policy.",
                    ids=str(ids).split("\n"),
                    count=number,
                    first=one_first,
                    last=one_last,
                    summary=f"{number} changes in {region}, where nothing was changed before; {total - count} elsewhere.",
                    region=region,
                    operations=str(names).split(",")[:30],
                    usual_regions=[row[0] for row in rows if row[0] != region][:20],
                )
            )


def check_travel(spool: Spool, collector: Collector) -> None:
    """Two successful sign-ins of one account, too far apart for the time between them, from clients that differ."""
    shared = _shared_networks(spool)
    rows = spool.query(
        f"SELECT actor, first, last, network, client, place, events, ip FROM activity WHERE {_SIGN_INS} ORDER BY actor, first"  # noqa: S608 - made of constants
    )
    for actor, of in groupby(rows, key=lambda row: row[0]):
        before: tuple[Any, ...] | None = None
        used: dict[str, int] = defaultdict(int)
        for row in of:
            if before is not None and row[3] != before[3]:
                found = _impossible(before, row)
                strange = row if used[row[3]] <= used[before[3]] else before
                if found is not None and strange[3] not in shared:
                    distance, hours = found
                    known = used[strange[3]] > 2
                    same = row[4] == before[4]
                    # One machine was left at home, and renews its tokens there while its owner travels with the other.
                    both_ours = all(str(one[5]).endswith("|managed") for one in (before, row))
                    if not (known and same) and not both_ours:
                        collector.put(_travelled(str(actor), before, row, distance, hours, same=same))
            used[row[3]] += 1
            before = row


def _travelled(
    actor: str, before: tuple[Any, ...], row: tuple[Any, ...], distance: float, hours: float, *, same: bool
) -> Any:
    here, there = str(before[5]).split("|")[0], str(row[5]).split("|")[0]
    return make(
        "impossible_travel",
        "Sign-ins too far apart for one person",
        "medium" if same else "high",
        ("T1078.004", "T1078"),
        ("account", actor),
        _REMEDY,
        ids=[*str(before[6]).split("\n"), *str(row[6]).split("\n")],
        count=2,
        first=before[1],
        last=row[2],
        summary=f"{here} ({before[7]}, {before[4]}) and {there} ({row[7]}, {row[4]})"
        + (f": {distance:.0f} km" if math.isfinite(distance) else "")
        + f" within {hours:.1f} hours.",
        places=[here, there],
        addresses=[before[7], row[7]],
        clients=[before[4], row[4]],
    )


def _impossible(before: tuple[Any, ...], after: tuple[Any, ...]) -> tuple[float, float] | None:
    hours = max((after[1] - before[2]) / 3600, 0.0)
    one, other = str(before[5]).split("|"), str(after[5]).split("|")
    try:
        distance = _distance(*(float(part) for part in (*one[1:3], *other[1:3])))
    except (TypeError, ValueError):
        # Countries alone: neighbours are two hours apart at least.
        if one[0] == other[0] or hours >= 2:
            return None
        return math.nan, hours
    if distance < _FAR or distance / max(hours, 0.05) < _FAST:
        return None
    return distance, hours


def _distance(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Kilometres along the surface (haversine)."""
    a, b = math.radians(latitude), math.radians(other_latitude)
    half = (
        math.sin((b - a) / 2) ** 2
        + math.cos(a) * math.cos(b) * math.sin(math.radians(other_longitude - longitude) / 2) ** 2
    )
    return 12_742 * math.asin(min(1.0, math.sqrt(half)))
