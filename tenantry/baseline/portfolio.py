"""All clients side by side: who fails what, the worst first. A client nobody has looked at is told first of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tenantry.baseline.trend import Point, direction
from tenantry.clock import parse_rfc3339, rfc3339

__all__ = ["Standing", "portfolio"]

_WEIGHT = {"high": 3, "medium": 2, "low": 1}
"""Of a policy that fails, where clients and policies are put in order."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one client.

    Attributes:
        client: what it is called.
        document: how it stood when each of its baselines was looked at last (`flows.complied.latest`); None: nobody has looked yet.
        trend: of its sweeps, the oldest first.
        failed: since then a sweep came to no result: when it began, and why; None: none did.
    """

    tenant: str
    client: str
    document: Mapping[str, Any] | None
    trend: Sequence[Point] = ()
    failed: Mapping[str, str] | None = None


def portfolio(standings: Sequence[Standing], now: datetime) -> dict[str, Any]:
    """JSON: ``{at, clients, policies, never}``.

    ``clients`` and ``policies`` begin with the worst: by what fails, weighed by how much it matters, then by what is not known. Each client has
    ``tenant``, ``client``, ``run_id``, ``at``, ``days`` since then, ``counts``, ``heavy`` (failing policies of high criticality), ``weight``,
    ``fell``, ``trend``, ``direction``, ``failed`` and ``failing`` (policies); each policy ``failing`` (tenants) and how many it is ``excepted``,
    ``unknown`` and ``passing`` for. ``never``: who was never looked at.
    """
    clients = [_client(one, one.document, now) for one in standings if one.document is not None]
    clients.sort(key=lambda one: (-one["weight"], -one["counts"].get("unknown", 0), one["tenant"]))
    never = [
        {"tenant": one.tenant, "client": one.client, "failed": dict(one.failed) if one.failed else None}
        for one in standings
        if one.document is None
    ]
    return {
        "at": rfc3339(now),
        "clients": clients,
        "policies": _policies([one for one in standings if one.document is not None]),
        "never": sorted(never, key=lambda one: str(one["tenant"])),
    }


def _client(of: Standing, document: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    every = [(held["id"], one) for held in document["baselines"] for one in held["policies"]]
    failing = sorted(
        (one for one in every if one[1]["status"] == "fail"), key=lambda one: -_WEIGHT[one[1]["criticality"]]
    )
    return {
        "tenant": of.tenant,
        "client": of.client,
        "run_id": document["run_id"],
        "at": document["at"],
        "days": max(0, (now - parse_rfc3339(document["at"])).days),
        "counts": dict(Counter(one["status"] for _, one in every)),
        "heavy": sum(one["criticality"] == "high" for _, one in failing),
        "weight": sum(_WEIGHT[one["criticality"]] for _, one in failing),
        "fell": sum(one["change"] == "fell" for _, one in every),
        "trend": [{"at": point.at, "unmet": point.unmet} for point in of.trend],
        "direction": direction(list(of.trend)),
        "failed": dict(of.failed) if of.failed else None,
        "failing": [f"{baseline}/{one['policy']}" for baseline, one in failing],
    }


def _policies(standings: Sequence[Standing]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for of in standings:
        for held in of.document["baselines"] if of.document is not None else ():
            for one in held["policies"]:
                name = f"{held['id']}/{one['policy']}"
                row = found.setdefault(
                    name,
                    {"policy": name, "title": one["title"], "criticality": one["criticality"], "remedy": one["remedy"]}
                    | {"failing": [], "excepted": 0, "unknown": 0, "passing": 0},
                )
                if one["status"] == "fail":
                    row["failing"].append(of.tenant)
                elif one["status"] in ("excepted", "unknown"):
                    row[one["status"]] += 1
                elif one["status"] == "pass":
                    row["passing"] += 1
    return sorted(
        found.values(),
        key=lambda one: (-len(one["failing"]) * _WEIGHT[one["criticality"]], -one["unknown"], one["policy"]),
    )
