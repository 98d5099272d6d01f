"""How clients stand by the sweeps that there were: the newest of each baseline, how it moved, and all clients side by side."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from flows.complying import MEASURED, RUNBOOK, assessment_of, ended
from tenantry.baseline.portfolio import Standing
from tenantry.baseline.trend import Point, points
from tenantry.errors import TenantryError

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.run import RunState

__all__ = ["SWEEPS", "documents", "latest", "standings", "trend"]

SWEEPS: Final = 52
"""Of a client that are looked back on: a year of weeks."""


def latest(installation: Installation, tenant: str) -> dict[str, Any] | None:
    """How a client stood when each of its baselines was looked at last, as `compliance.assess` keeps it, with ``run_id`` and ``at`` of each
    beside the baseline; those of the whole are the newest one's. None: nobody has looked yet, or what was found was erased."""
    whole: dict[str, Any] | None = None
    held: dict[str, dict[str, Any]] = {}
    for state in _looked(installation, tenant):
        named = {one["baseline"] for one in _output(state)["baselines"]}
        document = assessment_of(installation, state) if named - held.keys() else None
        if document is None:
            continue
        whole = whole or document
        for of in document["baselines"]:
            held.setdefault(of["id"], of | {"at": document["at"], "run_id": document["run_id"]})
    return whole | {"baselines": list(held.values())} if whole is not None else None


def documents(installation: Installation) -> Iterator[dict[str, Any]]:
    """Of each client that somebody has looked at."""
    return (found for name in installation.tenants.names() if (found := latest(installation, name)) is not None)


def trend(installation: Installation, tenant: str) -> list[Point]:
    """How a client moved over its last sweeps, the oldest first."""
    return points(reversed([_output(state) for state in _looked(installation, tenant)]))


def standings(installation: Installation) -> list[Standing]:
    """Every client, those too that were never looked at or whose file is broken."""
    return [
        Standing(
            tenant=name,
            client=_called(installation, name),
            document=latest(installation, name),
            trend=trend(installation, name),
            failed=_failed(installation, name),
        )
        for name in installation.tenants.names()
    ]


def _looked(installation: Installation, tenant: str) -> Iterator[RunState]:
    return itertools.islice(ended(installation, tenant), SWEEPS)


def _output(state: RunState) -> Mapping[str, Any]:
    found: Mapping[str, Any] = state.items[MEASURED[state.runbook], None].output
    return found


def _called(installation: Installation, tenant: str) -> str:
    try:
        return installation.tenants.get(tenant).display_name
    except TenantryError:
        return tenant  # its file is broken: what was found before stands all the same


def _failed(installation: Installation, tenant: str) -> dict[str, str] | None:
    """The newest sweep, where it came to no result."""
    for index in installation.journal.runs(tenant):
        if index.runbook == RUNBOOK:
            state = installation.state(index)
            item = state.items.get((MEASURED[RUNBOOK], None))
            if state.mode == "run" and item is not None and item.error is not None:
                return {"at": str(index.created_at), "why": str(item.error["message"])}
            return None
    return None
