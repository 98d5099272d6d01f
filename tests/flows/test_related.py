"""A run's events name its flow, deployment, pool and queue, and nobody asks Prefect's server for them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, WorkPool
from prefect.context import FlowRunContext
from prefect.events import related as prefect_related
from prefect.events.related import related_resources_from_run_context

from flows.related import know, related


class Silent:
    """A client that may not be asked."""

    def __getattr__(self, name: str) -> Any:
        async def asked(*_: object) -> None:
            pytest.fail(f"Prefect's server was asked: {name}")

        return asked


async def test_what_the_worker_told_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_related, "RESOURCE_CACHE", {})
    monkeypatch.setattr("flows.related.RESOURCE_CACHE", prefect_related.RESOURCE_CACHE)
    flow_run = FlowRun(
        id=uuid4(),
        flow_id=uuid4(),
        deployment_id=uuid4(),
        work_queue_id=uuid4(),
        work_pool_name="tenantry",
        name="acme",
    )
    deployment: Any = SimpleNamespace(
        id=flow_run.deployment_id, name="tenantry", tags=["incident"], work_queue_name="default"
    )
    pool = WorkPool.model_construct(id=uuid4(), name="tenantry")
    know(related(flow_run, "bec", deployment, pool))
    monkeypatch.setattr(FlowRunContext, "get", classmethod(lambda _: SimpleNamespace(flow_run=flow_run)))
    client: Any = Silent()
    found = {one.id: one.get("prefect.resource.name") for one in await related_resources_from_run_context(client)}
    assert found == {
        f"prefect.flow-run.{flow_run.id}": "acme",
        f"prefect.flow.{flow_run.flow_id}": "bec",
        f"prefect.deployment.{flow_run.deployment_id}": "tenantry",
        f"prefect.work-queue.{flow_run.work_queue_id}": "default",
        f"prefect.work-pool.{pool.id}": "tenantry",
        "prefect.tag.incident": None,
    }


def test_what_is_not_known_is_left_to_prefect() -> None:
    flow_run = FlowRun(id=uuid4(), flow_id=uuid4())
    assert list(related(flow_run, "bec", None, None)) == [f"flow.{flow_run.flow_id}"]
