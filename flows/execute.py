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

from flows.assembly import Installation
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


async def execute(flow_run_id: UUID) -> int:
    """Returns a process exit code: 0 when the flow ran (whatever became of it), 2 when it was refused."""
    from prefect import get_client
    from prefect.exceptions import Pause
    from prefect.flow_engine import run_flow
    from prefect.states import Failed, Pending

    from flows.deployments import load_flow

    async with get_client() as client:
        flow_run = await client.read_flow_run(flow_run_id)
        try:
            with Installation.open() as installation:
                if flow_run.deployment_id is None:
                    entrypoint = "(none)"
                else:
                    entrypoint = (await client.read_deployment(flow_run.deployment_id)).entrypoint or "(none)"
                flow = load_flow(installation, entrypoint)
        except TenantryError as error:
            await client.set_flow_run_state(flow_run_id, Failed(message=f"{error.code}: {error.message}"), force=True)
            sys.stderr.write(f"{error.message} {error.remedy}\n")
            return 2
        await client.set_flow_run_state(flow_run_id, Pending(), force=True)
        flow_run = await client.read_flow_run(flow_run_id)
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(Calm())
    running: Any = run_flow(flow, flow_run=flow_run, parameters=flow_run.parameters, return_type="state")
    with contextlib.suppress(Pause):  # suspended: a person's answer schedules the flow run again
        await running
    return 0


def main() -> int:
    tether.hold()
    return asyncio.run(execute(UUID(sys.argv[1])))


if __name__ == "__main__":
    sys.exit(main())
