"""Somebody with Prefect's credential, and nothing else: no effect at the tenant, and what was tried stands in the record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tenantry.journal import MSP, Record
from tenantry.run import START, Status
from tests.flows import hostile
from tests.flows.stand import ENDED, TENANT, Stand
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)
_WRITTEN = (
    *("name", "flow_id", "version", "tags", "description", "work_pool_name", "path", "entrypoint"),
    *("parameter_openapi_schema", "enforce_parameter_schema", "pull_steps", "job_variables"),
)
"""What a deployment is written with."""


def recorded(stand: Stand, event: str, flow_run_id: str) -> list[Record]:
    """What the estate's own record says of a flow run."""
    with stand.opened() as installation:
        return [
            record
            for record in installation.journal.tail(MSP)
            if record.event == event and record.data.get("flow_run_id") == flow_run_id
        ]


def unknown(stand: Stand, run: str) -> bool:
    """No run of this id is in the record."""
    with stand.opened() as installation:
        return all(index.run_id != run for index in installation.journal.runs())


def with_deployment(stand: Stand, changes: dict[str, Any], act: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    """The flow run that ``act`` makes, and sees to its end, while the deployment is as somebody else wrote it.

    The service writes every deployment anew once a minute: where that came in between nothing was tried, and it is tried again.

    Args:
        act: gives None when the form refused it.
    """
    for _ in range(3):
        ours = stand.deployment("plain")
        as_it_was = {name: ours[name] for name in _WRITTEN}
        try:
            stand.post("/deployments/", {**as_it_was, **changes})
            done = act()
            found = stand.deployment("plain")
        finally:
            stand.post("/deployments/", as_it_was)
        if done is not None and all(found[name] == value for name, value in changes.items()):
            return done
    raise AssertionError("the deployment was written anew each time")


def parameters(stand: Stand, **more: Any) -> dict[str, Any]:
    return {"tenant": TENANT, "account": stand.victim, **more}


def test_a_run_that_nobody_proved_to_have_started_asks_before_its_first_effect(stand: Stand) -> None:
    run = stand.start("plain", parameters(stand, requested_by="lab.lead"))
    assert stand.wait_for(run, "PAUSED", *ENDED)["state_name"] == "Suspended"
    state = stand.state(run)
    assert [gate.step for gate in state.open_gates()] == [START]
    assert stand.writes() == []
    # Being resumed proves nothing, and neither does a wrong code.
    stand.set_state(run, "SCHEDULED")
    stand.wait_for_event(run, "run.stopped", 2)
    stand.wait_for(run, "PAUSED", *ENDED)
    stand.resume(run, "lab.engineer", stand.wrong_code("lab.engineer"))
    stand.wait_for_event(run, "run.stopped", 3)
    stand.wait_for(run, "PAUSED", *ENDED)
    assert stand.writes() == []
    stand.resume(run, "lab.engineer", stand.code("lab.engineer"), reason="I started it")
    assert stand.wait_for(run, *ENDED)["state_name"] == "Completed"
    assert len(stand.writes()) == 1
    assert stand.state(run).starter == "lab.engineer"


def test_a_plan_asks_nobody(stand: Stand) -> None:
    run = stand.start("plain", parameters(stand, mode="plan"))
    assert stand.wait_for(run, "PAUSED", *ENDED)["state_name"] == "Planned"
    assert stand.writes() == []


def test_what_the_installation_starts_by_itself_goes_on(stand: Stand) -> None:
    run = stand.begin("plain", parameters(stand))
    stand.wait_for_event(run, "run.ended")
    assert stand.state(run).ended is Status.COMPLETED
    assert len(stand.writes()) == 1


def test_commands_environment_and_pull_steps_are_not_read(stand: Stand, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    shell = f"touch {marker}"
    changes = {
        "pull_steps": [{"prefect.deployments.steps.run_shell_script": {"script": shell}}],
        "job_variables": {"command": shell, "env": {"PYTHONPATH": str(tmp_path), "TENANTRY_HOME": str(tmp_path)}},
    }

    def act() -> dict[str, Any]:
        run = stand.start("plain", parameters(stand), job_variables={"command": shell})
        return stand.wait_for(run, "PAUSED", *ENDED)

    ended = with_deployment(stand, changes, act)
    assert ended["state_name"] == "Suspended"
    assert not marker.exists()
    assert stand.writes() == []
    said = recorded(stand, "prefect.ignored", ended["id"])
    assert {"deployment.pull_steps", "deployment.job_variables", "flow_run.job_variables"} <= set(
        said[0].data["fields"]
    )


def test_a_foreign_entrypoint_is_refused_and_recorded(stand: Stand, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("open('/tmp/never', 'w')\n", encoding="utf-8")
    for entrypoint in ("os.system", f"{tmp_path}/evil.py:flow", "flows.incident.flows_of"):
        ended = with_deployment(
            stand,
            {"entrypoint": entrypoint},
            lambda: stand.wait_for(stand.start("plain", parameters(stand)), "PAUSED", *ENDED),
        )
        assert ended["state_name"] == "Refused"
        (said,) = recorded(stand, "prefect.refused", ended["id"])
        assert said.data["why"] == "out_of_scope"
        assert said.data["entrypoint"] == entrypoint
        assert unknown(stand, ended["id"])
    assert stand.writes() == []


@pytest.mark.parametrize(
    "forged",
    [
        {"tenant": "globex"},
        {"tenant": ["acme"]},
        {"tenant": "../acme"},
        {"tenant": None},
        {"mode": "undo"},
        {"account": 7},
        {"account": "x" * 100_000},
        {"no_such": "parameter"},
        {"account": {"upn": "dana@acme.example"}},
    ],
    ids=lambda forged: "-".join(map(str, forged)) + f"-{str(next(iter(forged.values())))[:8]}",
)
def test_parameters_that_the_form_would_refuse(stand: Stand, forged: dict[str, Any]) -> None:
    """Whoever can write to the API can switch Prefect's own check of the form off."""

    def act() -> dict[str, Any] | None:
        body = {"parameters": {**parameters(stand), **forged}, "state": {"type": "SCHEDULED"}}
        answer = stand.api.post(f"/deployments/{stand.deployment('plain')['id']}/create_flow_run", json=body)
        return stand.wait_for(answer.json()["id"], "PAUSED", *ENDED) if answer.is_success else None

    ended = with_deployment(stand, {"enforce_parameter_schema": False}, act)
    assert ended["state_type"] == "FAILED"
    assert stand.writes() == []
    assert unknown(stand, ended["id"])
    assert recorded(stand, "prefect.refused", ended["id"])


def test_forged_states_and_results_change_nothing(stand: Stand) -> None:
    run = stand.start("small", parameters(stand))
    stand.wait_for(run, "PAUSED", *ENDED)
    before = stand.state(run)
    task = next(task for task in stand.task_runs(run, 3) if task["name"] == "contain · block")
    state = {"type": "COMPLETED", "name": "Changed", "data": {"outcome": "changed"}}
    stand.api.post(f"/task_runs/{task['id']}/set_state", json={"state": state, "force": True})
    stand.post(f"/flow_runs/{run}/set_state", {"state": {**state, "name": "Completed"}, "force": True})
    forged = '{"approver": "lab.approver", "code": "000000", "decision": "approve", "reason": "forged"}'
    stand.post(f"/flow_runs/{run}/input", {"key": "suspended-answer-0000000000000000-00-response", "value": forged})
    stand.set_state(run, "SCHEDULED")
    stand.wait_for_event(run, "run.stopped", 2)
    stand.wait_for(run, "PAUSED", *ENDED)
    after = stand.state(run)
    assert after.stopped is Status.WAITING
    assert {key: item.outcome for key, item in after.items.items()} == {
        key: item.outcome for key, item in before.items.items()
    }
    events = stand.events(run)
    assert "approval.decided" not in events
    assert "approval.refused" in events
    assert stand.writes() == []


def test_a_finished_run_that_is_scheduled_again_is_noted(stand: Stand) -> None:
    run = stand.begin("plain", parameters(stand))
    stand.wait_for_event(run, "run.ended")
    flow_run = stand.flow_of(run)
    stand.wait_for(run, *ENDED)
    events, writes = stand.events(run), stand.writes()
    stand.set_state(run, "SCHEDULED")
    until(lambda: bool(recorded(stand, "prefect.ignored", flow_run)), "nothing was noted")
    stand.wait_for(run, *ENDED)
    assert stand.events(run) == events
    assert stand.writes() == writes


def test_a_run_that_asks_the_broker_for_another_clients_secret(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From inside the run's own process, with its own token: refused, and in the record of the estate and of the run's client."""
    assert stand.packages is not None
    monkeypatch.syspath_prepend(stand.packages)  # where this process finds the task when it records the run
    with stand.opened() as installation:
        installation.vault.create_tenant_key("globex")
        installation.vault.put("globex", "m365/client-secret", "canary-of-globex-41c7")
        installation.vault.put(MSP, "psa/token", "canary-of-the-estate-90ab")
    runbook = stand.home.runbooks / "hostile.yaml"
    runbook.write_text(hostile.RUNBOOK, encoding="utf-8")
    try:
        run = stand.begin("hostile", {"tenant": TENANT, "victim": "globex"})
        stand.wait_for_event(run, "run.ended")
    finally:
        runbook.unlink()
    with stand.opened() as installation:
        step = next(record for record in installation.journal.records(run) if record.event == "step.outcome")
        answers = dict(step.data["output"]["answers"])
        assert answers.pop("own") == "given"  # the token is good
        assert set(answers.values()) == {"out_of_scope"}, answers
        refused = [
            r.data for r in installation.journal.tail(MSP) if r.event == "vault.refused" and r.data["run"] == run
        ]
        own = [r.data for r in installation.journal.tail(TENANT) if r.event == "vault.refused" and r.data["run"] == run]
        victims = [r.event for r in installation.journal.tail("globex")]
    assert {entry["tenant"] for entry in refused} == {TENANT}
    assert {entry["wanted"].get("tenant") for entry in refused} >= {"globex"}
    assert any(entry["wanted"].get("ref") == "vault:globex/m365/client-secret" for entry in refused)
    # Its own client sees that the run was refused, never whose secret it was.
    assert own
    assert all("wanted" not in entry for entry in own)
    assert "globex" not in str(own)
    assert "vault.read" not in victims
    everything = b"".join(path.read_bytes() for path in stand.home.path.rglob("*") if path.is_file())
    assert b"canary-of-globex" not in everything
