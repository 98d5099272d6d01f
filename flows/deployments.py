"""One Prefect deployment a runbook: the same whether `prefect deploy --all` made it from ``prefect.yaml`` or we did.

The tenants in a deployment's form follow the home: the parameter schema is renewed at every registration.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from prefect import Flow
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName, FlowFilter, FlowFilterName
from prefect.client.schemas.objects import WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectAlreadyExists

from flows.assembly import Installation
from flows.factory import flow_of, loadable
from tenantry.errors import OutOfScope
from tenantry.runbook import Runbook

POOL: Final = "tenantry"
POOL_TYPE: Final = "tenantry"
"""Of `flows.worker`."""
NO_TEMPLATE: Final[dict[str, Any]] = {
    "job_configuration": {"env": {}},  # neither may be empty
    "variables": {"type": "object", "properties": {}},
}
"""Of the pool: nothing about a job can be configured. Prefect's server checks this schema each time a flow run is created."""
NAME: Final = "tenantry"
"""Every deployment's own name; the flow's name before it is the runbook's id."""
_LEFT_OUT: Final[dict[str, Any]] = {
    "parameters": {},
    "schedules": [],
    "concurrency_options": None,
    "storage_document_id": None,
    "infrastructure_document_id": None,
}
"""What a deployment has that is written with nothing named for it."""
_ROOT: Final = Path(__file__).resolve().parent.parent


def entrypoint(runbook: Runbook) -> str:
    """Module form: never loaded from a path, so nothing on ``sys.path`` can stand in for it."""
    return f"flows.{runbook.kind}.{runbook.id}"


def tags(runbook: Runbook) -> list[str]:
    return ["tenantry", runbook.kind]


def description(runbook: Runbook) -> str:
    """For the deployment's page: title, and what the runbook does."""
    return f"{runbook.title}\n\n{runbook.description}".strip()


def manifest(runbooks: Iterable[Runbook]) -> dict[str, Any]:
    """What ``prefect.yaml`` holds for these runbooks: the same deployments as :func:`register` makes.

    No concurrency limit: an incident does not queue behind another one. Nothing runs twice for one run all the same, because
    a run has one owner (`tenantry.journal.lease`).
    """
    return {
        "name": "tenantry",
        "prefect-version": version("prefect"),
        "deployments": [
            {
                "name": NAME,
                "version": str(runbook.version),
                "entrypoint": entrypoint(runbook),
                "description": description(runbook),
                "tags": tags(runbook),
                "work_pool": {"name": POOL},
                "enforce_parameter_schema": True,
            }
            for runbook in runbooks
        ],
    }


def runbook_of(installation: Installation, name: str) -> Runbook:
    """The runbook of an entrypoint.

    Raises:
        OutOfScope: any other entrypoint: nobody who can write to Prefect's API chooses what code runs here.
    """
    for runbook in loadable(installation.catalog):
        if entrypoint(runbook) == name:
            return runbook
    raise OutOfScope(f"the entrypoint {name[:200]!r} is not one of this installation's runbooks")


def load_flow(installation: Installation, name: str) -> Flow[..., Any]:
    """The flow of an entrypoint, if it is one of ours.

    Raises:
        OutOfScope: any other entrypoint: nobody who can write to Prefect's API chooses what code runs here.
    """
    runbook_of(installation, name)
    module, _, attribute = name.rpartition(".")
    found: Flow[..., Any] = getattr(importlib.import_module(module), attribute)
    return found


async def register(installation: Installation, client: PrefectClient) -> dict[str, Any]:
    """Make the work pool and every runbook's deployment, or bring up to date what is not as it should be.

    Returns:
        runbook id → deployment id.
    """
    await ensure_pool(client)
    tenants = [tenant.name for tenant in installation.tenants.list()]
    runbooks = loadable(installation.catalog)
    present = await _present(client, [runbook.id for runbook in runbooks])
    made: dict[str, Any] = {}
    for runbook in runbooks:
        flow = flow_of(runbook)
        wanted: dict[str, Any] = {
            "name": NAME,
            "version": runbook.version,
            "tags": tags(runbook),
            "description": description(runbook),
            "work_pool_name": POOL,
            "entrypoint": entrypoint(runbook),
            "path": str(_ROOT),
            # Not read by our worker; written, so that what somebody else wrote there does not stay.
            "pull_steps": [],
            "job_variables": {},
            "parameter_openapi_schema": with_tenants(flow.parameters.model_dump(mode="json"), tenants),
            "enforce_parameter_schema": True,
        }
        found = present.get(runbook.id)
        if found is not None and all(getattr(found, name) == value for name, value in (wanted | _LEFT_OUT).items()):
            made[runbook.id] = found.id
        else:
            made[runbook.id] = await client.create_deployment(flow_id=await client.create_flow(flow), **wanted)
    return made


async def _present(client: PrefectClient, names: list[str]) -> dict[str, DeploymentResponse]:
    """Runbook id → its deployment as Prefect shows it. One that is not on the answers' first page is written anew, as ever."""
    flows = await client.read_flows(flow_filter=FlowFilter(name=FlowFilterName(any_=names)))
    ids = {flow.id: flow.name for flow in flows}
    found = await client.read_deployments(deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[NAME])))
    return {ids[deployment.flow_id]: deployment for deployment in found if deployment.flow_id in ids}


async def ensure_pool(client: PrefectClient) -> WorkPool:
    """The work pool that our deployments belong to."""
    wanted = WorkPoolCreate(
        name=POOL, type=POOL_TYPE, description="Tenantry's runs", base_job_template=deepcopy(NO_TEMPLATE)
    )
    try:
        return await client.create_work_pool(wanted)
    except ObjectAlreadyExists:
        found = await client.read_work_pool(POOL)
    if found.base_job_template != NO_TEMPLATE:
        await client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=deepcopy(NO_TEMPLATE)))
    return found


def with_tenants(schema: Mapping[str, Any], tenants: list[str]) -> dict[str, Any]:
    """The form's schema with the home's tenants to choose from."""
    copy = deepcopy(dict(schema))
    if tenants:
        copy["properties"]["tenant"] = {**copy["properties"]["tenant"], "enum": tenants}
    return copy
