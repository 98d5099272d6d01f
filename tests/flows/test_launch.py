"""Carrying a run on whatever Prefect shows of it, or when Prefect has forgotten it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.flows.stand import ENDED, TENANT, Stand


def waiting(stand: Stand) -> str:
    run = stand.start("small", {"tenant": TENANT, "account": stand.victim})
    assert stand.wait_for(run, "PAUSED", *ENDED)["state_name"] == "Suspended", stand.worker_log()
    return run


def resumed(stand: Stand, run: str) -> dict[str, Any]:
    done = stand.command("resume", run, "--json")
    assert done.returncode == 3, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    "state",
    [
        "RUNNING",
        "COMPLETED",
        "CANCELLED",
        *(pytest.param(name, marks=pytest.mark.torture) for name in ("PENDING", "CRASHED", "FAILED", "CANCELLING")),
    ],
)
def test_resume_from_whatever_prefect_shows(stand: Stand, state: str) -> None:
    run = waiting(stand)
    stand.set_state(run, state)
    view = resumed(stand, run)
    assert view["status"] == "waiting_for_approval"
    assert view["attempt"] == 2
    assert view["flow_run_id"] == run
    assert stand.wait_for(run, "PAUSED")["state_name"] == "Suspended"
    assert stand.writes() == []


def test_resume_when_the_flow_run_was_deleted(stand: Stand) -> None:
    run = waiting(stand)
    stand.delete(f"/flow_runs/{run}")
    again = resumed(stand, run)["flow_run_id"]
    assert again != run
    flow_run = stand.wait_for(again, "PAUSED", *ENDED)
    assert flow_run["state_name"] == "Suspended"
    assert set(flow_run["tags"]) >= {f"run:{run}", f"tenant:{TENANT}", "mode:run"}
    assert flow_run["name"] == f"{TENANT} · {stand.victim}"
    # And its form works: the record has the answer under the run.
    stand.resume(again, "lab.lead", stand.wrong_code("lab.lead"))
    stand.wait_for_event(run, "approval.refused")


def test_resume_when_the_deployment_was_deleted(stand: Stand) -> None:
    run = waiting(stand)
    stand.delete(f"/deployments/{stand.deployment('small')['id']}")
    view = resumed(stand, run)
    assert view["attempt"] == 2
    assert stand.wait_for(view["flow_run_id"], "PAUSED", *ENDED)["state_name"] == "Suspended"


def test_an_ended_run_stays_as_it_is(stand: Stand) -> None:
    run = stand.begin("plain", {"tenant": TENANT, "account": stand.victim})
    assert stand.wait_for(run, *ENDED)["state_name"] == "Completed"
    writes, events = stand.writes(), stand.events(run)
    assert stand.command("resume", run, "--json").returncode == 0
    stand.set_state(run, "SCHEDULED")
    assert stand.wait_for(run, *ENDED)["state_name"] == "Completed"
    assert stand.writes() == writes
    assert stand.events(run) == events
