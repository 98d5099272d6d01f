"""Execute one flow run in this process: ``python -m flows.execute FLOW_RUN_ID``.

Tethered: it ends with the process that started it. Only entrypoints of this installation's own runbooks are run; pull steps,
commands and job variables of a deployment are ignored.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from typing import Any
from uuid import UUID

from prefect import Flow, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.states import Failed, Pending

from flows.api import errors, patiently
from flows.assembly import Installation
from flows.body import AHEAD, recorded
from flows.deployments import load_flow
from tenantry import tether
from tenantry.errors import TenantryError


class Calm(logging.Filter):
    """Prefect logs every end of a run that is not Completed as an error. Waiting for a person is none."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if record.levelno == logging.ERROR and text.startswith(
            ("Finished in state Waiting(", "Finished in state Suspended(")
        ):
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True


async def carry(installation: Installation, flow_run: FlowRun, flow: Flow[..., Any]) -> int:
    """Run the flow of a flow run that was claimed (is Pending). What the record knows of its run, tenant and parameters counts
    before what Prefect says.

    Returns:
        0: whatever became of it stands in the record and in Prefect.
    """
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(Calm())
    state = await asyncio.to_thread(recorded, installation, flow_run)
    parameters = flow_run.parameters
    if state is not None:
        parameters = {"tenant": state.tenant, "mode": state.mode, **state.params}
    AHEAD.set(installation)
    # Of a flow run that names its deployment Prefect's engine watches, in a thread with a WebSocket of its own, whether somebody
    # suspends it, and lets it begin once that stands. What Prefect says of a run in progress decides nothing here: it is cancelled
    # through the worker, and waits for a person when its record says so.
    begun = flow_run.model_copy(update={"deployment_id": None})
    running: Any = run_flow(flow, flow_run=begun, parameters=parameters, return_type="state")
    with contextlib.suppress(Pause):  # suspended: a person's answer schedules the flow run again
        await running
    return 0


async def refuse(flow_run_id: UUID, error: TenantryError) -> None:
    """Show in Prefect that a flow run is not executed, and why. Whether Prefect can be told changes nothing."""
    with contextlib.suppress(*_untold()):
        async with get_client() as client:
            await client.set_flow_run_state(
                flow_run_id, Failed(name="Refused", message=f"{error.code}: {error.message}"), force=True
            )


def _untold() -> tuple[type[BaseException], ...]:
    from prefect.exceptions import ObjectNotFound

    return errors(), ObjectNotFound


async def execute(flow_run_id: UUID) -> int:
    """Returns a process exit code: 0 when the flow ran (whatever became of it), 2 when it was refused."""

    async def claimed() -> tuple[FlowRun, str]:
        async with get_client() as client:
            flow_run = await client.read_flow_run(flow_run_id)
            entrypoint = None
            if flow_run.deployment_id is not None:
                entrypoint = (await client.read_deployment(flow_run.deployment_id)).entrypoint
            await client.set_flow_run_state(flow_run_id, Pending(), force=True)
            return await client.read_flow_run(flow_run_id), entrypoint or "(none)"

    with Installation.open() as installation:
        try:
            flow_run, entrypoint = await patiently(claimed)
            flow = load_flow(installation, entrypoint)
        except TenantryError as error:
            await refuse(flow_run_id, error)
            sys.stderr.write(f"{error.message} {error.remedy}\n")
            return 2
        return await carry(installation, flow_run, flow)


def main() -> int:
    tether.hold()
    return asyncio.run(execute(UUID(sys.argv[1])))


if __name__ == "__main__":
    sys.exit(main())
