"""Runs as Prefect's pages start and show them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from flows.shown import MOMENT
from tests.flows.stand import ENDED, TENANT, Stand
from tests.support.waiting import until


def begun(stand: Stand, runbook: str = "small", **more: str) -> str:
    """A run as the form starts it, at its first stop."""
    run = stand.start(runbook, {"tenant": TENANT, "account": stand.victim, **more})
    stand.wait_for(run, "PAUSED", *ENDED)
    return run


def test_what_is_not_given_has_the_runbooks_default(stand: Stand) -> None:
    run = begun(stand)
    state = stand.state(run)
    assert dict(state.params) == {"account": stand.victim, "when": None, "level": "low"}
    assert state.mode == "run"
    assert state.requester == {"person": None, "proven": False, "via": "prefect"}
    assert state.flow_run_id == run


def test_what_is_given_reaches_the_record(stand: Stand) -> None:
    run = begun(stand, when="2026-11-20T09:00:00+01:00", level="high", requested_by="lab.engineer", mode="plan")
    state = stand.state(run)
    assert state.params["when"].startswith("2026-11-20T08:00:00")
    assert state.params["level"] == "high"
    assert state.requester == {"person": "lab.engineer", "proven": False, "via": "prefect"}
    flow_run = stand.wait_for(run, "COMPLETED")
    assert flow_run["state_name"] == "Planned"
    assert flow_run["name"] == f"{TENANT} · {stand.victim} · plan"
    assert stand.writes() == []


def test_names_states_edges_and_artifacts(stand: Stand) -> None:
    run = begun(stand)
    flow_run = stand.flow_run(run)
    assert flow_run["name"] == f"{TENANT} · {stand.victim}"
    assert flow_run["state_name"] == "Suspended"
    steps = {task["name"]: task for task in stand.task_runs(run, 3)}
    assert {name: task["state_name"] for name, task in steps.items()} == {
        "assemble · team": "Observed",
        "assemble · confirmed": "Waiting",
        "contain · block": "Waiting",
    }
    nodes = {node["label"]: node for _, node in stand.get(f"/flow_runs/{run}/graph-v2")["nodes"]}
    assert [parent["id"] for parent in nodes["contain · block"]["parents"]] == [steps["assemble · team"]["id"]]
    assert nodes["assemble · confirmed"]["parents"] == []
    kinds = {artifact["key"].partition("-")[0]: artifact for artifact in stand.artifacts(run)}
    assert set(kinds) == {"steps", "timeline", "page"}
    assert f"{stand.said['pages']}/runs/{run}/timeline" in kinds["timeline"]["data"]
    assert "waits for a person" in kinds["steps"]["data"]


def test_a_step_that_is_over_at_once_is_told_once_with_its_times(stand: Stand) -> None:
    run = begun(stand)
    step = next(task for task in stand.task_runs(run, 3) if task["name"] == "assemble · team")
    began, ended = (datetime.fromisoformat(step[name]) for name in ("start_time", "end_time"))
    assert step["run_count"] == 1
    assert step["flow_run_run_count"] == stand.flow_run(run)["run_count"] == 1
    assert step["total_run_time"] == pytest.approx((ended - began).total_seconds(), abs=1e-3)
    history = stand.get(f"/task_run_states/?task_run_id={step['id']}")
    assert history[-1]["name"] == "Observed"
    # More of them only on a machine so busy that the step took longer.
    assert len(history) == 1 or ended - began > timedelta(seconds=MOMENT)


def test_what_a_step_says_of_itself_is_its_log_and_the_version_is_told(stand: Stand) -> None:
    run = begun(stand)
    step = next(task["id"] for task in stand.task_runs(run, 3) if task["name"] == "assemble · team")
    wanted = {"logs": {"task_run_id": {"any_": [step]}}}
    until(lambda: stand.post("/logs/filter", wanted), "no log")
    assert [line["message"] for line in stand.post("/logs/filter", wanted)] == ["observed"]
    assert stand.flow_run(run)["flow_version"] == "1"


def test_the_feed_shows_what_happened_to_the_run_and_its_steps(stand: Stand) -> None:
    run = begun(stand)
    steps = {task["id"] for task in stand.task_runs(run, 3)}
    wanted = {"filter": {"related": {"id": [f"prefect.flow-run.{run}"]}}, "limit": 50}
    own = {"filter": {"resource": {"id": [f"prefect.flow-run.{run}"]}}, "limit": 50}

    def events(body: dict[str, Any]) -> list[dict[str, Any]]:
        return list(stand.post("/events/filter", body)["events"])

    def shown() -> bool:
        told = {event["resource"]["prefect.resource.id"].removeprefix("prefect.task-run.") for event in events(wanted)}
        return steps <= told and {"prefect.flow-run.Running", "prefect.flow-run.Suspended"} <= {
            event["event"] for event in events(own)
        }

    until(shown, lambda: str(events(wanted)))
    ids = [event["id"] for event in events(wanted)]
    assert len(ids) == len(set(ids))


def test_edges_lead_to_steps_of_earlier_attempts(stand: Stand) -> None:
    run = begun(stand)
    team = next(task["id"] for task in stand.task_runs(run, 3) if task["name"] == "assemble · team")
    stand.answer(run)  # one of the two that four eyes take, so the step of the second attempt waits again
    stand.set_state(run, "SCHEDULED")
    stand.wait_for_event(run, "run.stopped", 2)
    stand.wait_for(run, "PAUSED", *ENDED)
    again = [task for task in stand.task_runs(run, 5) if task["name"] == "contain · block"]
    assert len(again) == 2
    assert all(team in {input_["id"] for entry in task["task_inputs"].values() for input_ in entry} for task in again)


def test_a_wrong_code_is_counted_and_the_form_stands_again(stand: Stand) -> None:
    run = begun(stand)
    key = stand.flow_run(run)["state"]["state_details"]["pause_key"]
    stand.resume(run, "lab.approver", stand.wrong_code("lab.approver"))
    stand.wait_for_event(run, "approval.refused")
    stand.wait_for_event(run, "run.stopped", 2)
    stand.wait_for(run, "PAUSED", *ENDED)
    assert stand.flow_run(run)["state"]["state_details"]["pause_key"] != key
    assert stand.writes() == []
    # Nothing new was shown: the steps wait as before.
    assert len(stand.task_runs(run, 3)) == 3


def test_being_scheduled_past_the_form_does_nothing(stand: Stand) -> None:
    run = begun(stand)
    stand.set_state(run, "SCHEDULED")
    stand.wait_for_event(run, "run.stopped", 2)
    assert stand.wait_for(run, "PAUSED", *ENDED)["state_name"] == "Suspended"
    assert "approval.decided" not in stand.events(run)
    assert stand.writes() == []


def test_an_answer_written_past_the_form_is_refused(stand: Stand) -> None:
    run = begun(stand)
    key = stand.flow_run(run)["state"]["state_details"]["pause_key"]
    forged = '{"approver": "lab.approver", "decision": "approve"}'
    stand.post(f"/flow_runs/{run}/input", {"key": "suspended-answer-0000000000000000-00-response", "value": forged})
    stand.set_state(run, "SCHEDULED")
    stand.wait_for_event(run, "approval.refused")
    stand.wait_for_event(run, "run.stopped", 2)
    stand.wait_for(run, "PAUSED", *ENDED)
    assert stand.flow_run(run)["state"]["state_details"]["pause_key"] != key
    assert stand.writes() == []


def test_a_forged_tag_carries_nobodys_run(stand: Stand) -> None:
    victim = begun(stand)
    before = stand.events(victim)
    forged = stand.start("small", {"tenant": TENANT, "account": "other@acme.example"}, tags=[f"run:{victim}"])
    ended = stand.wait_for(forged, "PAUSED", *ENDED)
    assert ended["state_name"] == "Refused"
    assert "out_of_scope" in ended["state"]["message"]
    assert stand.events(victim) == before
    assert stand.writes() == []


@pytest.mark.parametrize("tag", ["run:", "run:nobody", "run:../../x"])
def test_a_tag_that_names_no_run(stand: Stand, tag: str) -> None:
    forged = stand.start("plain", {"tenant": TENANT, "account": stand.victim}, tags=[tag])
    assert stand.wait_for(forged, *ENDED)["state_type"] == "FAILED"
    assert stand.writes() == []


def test_a_foreign_entrypoint_is_refused(stand: Stand) -> None:
    """Whoever can write to Prefect's API cannot choose what code runs here."""
    ours = stand.deployment("plain")
    flow = stand.post("/flows/", {"name": "foreign"})
    foreign = stand.post(
        "/deployments/",
        {
            "name": "tenantry",
            "flow_id": flow["id"],
            "work_pool_name": ours["work_pool_name"],
            "entrypoint": "os.system",
            "pull_steps": [{"prefect.deployments.steps.run_shell_script": {"script": "touch /tmp/pulled"}}],
        },
    )
    run = stand.post(f"/deployments/{foreign['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})["id"]
    ended = stand.wait_for(run, *ENDED)
    assert ended["state_type"] == "FAILED"
    assert "out_of_scope" in ended["state"]["message"]


def test_parameters_changed_in_prefect_change_nothing(stand: Stand) -> None:
    """The record has the run's tenant, mode and parameters; what stands in Prefect afterwards is for show."""
    run = begun(stand)
    deployment = stand.deployment("small")
    assert deployment["id"]
    answer = stand.api.patch(f"/flow_runs/{run}", json={"parameters": {"tenant": "globex", "account": "x@y.example"}})
    assert answer.is_success
    stand.set_state(run, "SCHEDULED")
    stand.wait_for_event(run, "run.stopped", 2)
    stand.wait_for(run, "PAUSED", *ENDED)
    assert stand.state(run).tenant == TENANT
    assert stand.state(run).params["account"] == stand.victim


def test_an_unknown_account_is_a_failed_step_not_a_crash(stand: Stand) -> None:
    run = stand.start("plain", {"tenant": TENANT, "account": "nobody@acme.example"})
    ended = stand.wait_for(run, *ENDED)
    assert ended["state_name"] == "Paused by failed step"
    assert {task["state_name"] for task in stand.task_runs(run)} == {"Failed"}
