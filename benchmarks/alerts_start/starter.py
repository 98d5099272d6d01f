"""Creates flow runs as told by lines of JSON, and says when: ``python -m benchmarks.alerts_start.starter``."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING
from uuid import UUID

from flows import launch
from flows.assembly import Installation
from flows.binding import RUN_TAG, bind

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient


async def _main() -> None:
    from prefect import get_client

    requester = {"person": None, "proven": False, "via": "bench"}  # no budget of a client is used up
    with Installation.open() as installation:
        async with get_client() as client:
            known: dict[tuple[str, str], UUID] = {}
            while line := await asyncio.to_thread(sys.stdin.readline):
                runbook, deployment, account, tenant = json.loads(line)
                if (runbook, deployment) not in known:
                    known[runbook, deployment] = await _there(client, f"{runbook}/{deployment}")
                # The installation's own alert: the record knows of the run before Prefect does.
                run_id = launch.prepare(installation, runbook, tenant, {"account": account}, "run", requester)
                began = time.time()
                made = await client.create_flow_run_from_deployment(
                    known[runbook, deployment],
                    parameters={"tenant": tenant, "account": account},
                    tags=[f"{RUN_TAG}{run_id}"],
                    idempotency_key=run_id,
                )
                bind(installation.journal, installation.state(run_id), made.id)
                sys.stdout.write(json.dumps({"began": began, "created": time.time()}) + "\n")
                sys.stdout.flush()


async def _there(client: PrefectClient, name: str) -> UUID:
    """A deployment's id, once somebody has registered it."""
    from prefect.exceptions import ObjectNotFound

    while True:
        try:
            return (await client.read_deployment_by_name(name)).id
        except ObjectNotFound:
            await asyncio.sleep(0.5)


if __name__ == "__main__":
    asyncio.run(_main())
