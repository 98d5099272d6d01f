"""The form of a suspended run is there as soon as the run is suspended, whatever befalls the process that suspends it."""

from __future__ import annotations

import pytest

from tests.flows.stand import Stand

pytestmark = pytest.mark.timeout(300)
_DIES = """
import asyncio, os
from types import SimpleNamespace
import prefect.flow_runs
from prefect import flow, get_client
from prefect.flow_engine import run_flow_async
from flows import asking
from tenantry.run import Gate

REQUEST = {
    "kind": "approval", "question": "Shall it?", "role": "lead", "four_eyes": False, "reasons": [], "changes": [],
    "requested_at": "2026-01-01T00:00:00Z", "expires_at": "2099-01-01T00:00:00Z", "bound": {"arguments": {}},
}
propose = prefect.flow_runs.propose_state

async def propose_and_die(*args, **kwargs):
    await propose(*args, **kwargs)
    os._exit(0)

prefect.flow_runs.propose_state = propose_and_die

@flow(name="asks-and-dies")
async def asks():
    await asking.suspend(SimpleNamespace(open_gates=lambda: [Gate("contain", None, "digest", REQUEST)]))

async def work():
    async with get_client() as client:
        deployment = await client.create_deployment(await client.create_flow(asks), "asks-and-dies")
        run = await client.create_flow_run_from_deployment(deployment)
    print(run.id, flush=True)
    await run_flow_async(asks, flow_run=run)

asyncio.run(work())
"""


def test_who_sees_a_run_suspended_can_answer_it(stand: Stand) -> None:
    run = stand.python(_DIES).strip()
    assert stand.flow_run(run)["state_name"] == "Suspended"
    shown = stand.get(
        f"/flow_runs/{run}/input/{stand.flow_run(run)['state']['state_details']['run_input_keyset']['description']}"
    )
    assert "Shall it?" in shown
    stand.resume(run, "lab.lead", "123456")
