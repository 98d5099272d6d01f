"""What a run's first event names besides the run: its flow, deployment, work pool and queue.

Prefect's client asks its server for the four of them in every process that carries a run. The worker knows them, and says so when
it hands over the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prefect.client.schemas.objects import FlowRun, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.related import RESOURCE_CACHE

__all__ = ["know", "related"]


@dataclass(frozen=True, slots=True)
class _Known:
    """As much of an object as an event says."""

    id: str
    name: str
    tags: tuple[str, ...]


def related(
    flow_run: FlowRun, runbook: str, deployment: DeploymentResponse | None, pool: WorkPool | None
) -> dict[str, dict[str, Any]]:
    """Key of Prefect's cache → id, name and tags of what is under it. JSON."""
    found: dict[str, dict[str, Any]] = {}

    def add(kind: str, key: object, id: object, name: str | None, tags: list[str] | None = None) -> None:
        if key is not None and name:
            found[f"{kind}.{key}"] = {"id": str(id), "name": name, "tags": tags or []}

    add("flow", flow_run.flow_id, flow_run.flow_id, runbook)
    if deployment is not None:
        add("work-queue", flow_run.work_queue_id, flow_run.work_queue_id, deployment.work_queue_name)
        add("deployment", deployment.id, deployment.id, deployment.name, deployment.tags)
    if pool is not None:
        add("work-pool", pool.name, pool.id, pool.name)
    return found


def know(told: Mapping[str, Mapping[str, Any]]) -> None:
    """Take over what :func:`related` gave."""
    for key, one in told.items():
        kind = key.partition(".")[0]
        known: Any = _Known(str(one["id"]), str(one["name"]), tuple(one["tags"]))
        at: Any = datetime.now(UTC)  # Prefect's own class of times adds nothing that is used here
        RESOURCE_CACHE[key] = ({"kind": kind, "object": known}, at)
