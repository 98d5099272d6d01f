"""The runbook as a whole, on the lab's cloud account, through the real engine and the lab's wire."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tenantry.discovery import TaskRegistry
from tenantry.places import SHIPPED
from tenantry.run import Status
from tenantry.runbook import load_runbook
from tenantry.task import Task
from tests.support.canary import leaks
from tests.support.lab_stand import LabStand
from tests.support.runs import above, changes, lacking_facts, without_answers, written_twice

PATH = SHIPPED / "incidents" / "leaked_cloud_key.yaml"


@pytest.fixture(scope="module")
def registry() -> TaskRegistry:
    return TaskRegistry.discover(entry_points=False)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabStand]:
    stand = LabStand(tmp_path, scenario="leaked_key", users=20)
    yield stand
    stand.close()


def output(lab: LabStand, step: str) -> dict[str, Any]:
    return dict(lab.stand.state().item(step, None).output)


class TestFile:
    def test_messages_are_given_every_fact_that_their_templates_need(self, registry: TaskRegistry) -> None:
        assert lacking_facts(load_runbook(PATH, registry)) == {}

    def test_evidence_comes_before_every_effect_and_no_person_before_containment(self, registry: TaskRegistry) -> None:
        runbook = load_runbook(PATH, registry)

        for step in runbook.steps:
            task = registry.get(step.uses)
            if issubclass(task, Task) and step.uses != "messenger.notify":
                assert {"owner", "trace", "machines", "attackers_principals"} <= above(runbook, step.id), step.id
                if step.for_each:
                    assert step.expect_at_most, step.id
            if step.phase == "contain":
                assert step.approve is None
                assert not [up for up in above(runbook, step.id) if runbook.step(up).uses.startswith("human.")]


async def test_an_incident_from_the_first_report_to_the_review(lab: LabStand) -> None:
    lab.create()
    state = await lab.to_the_end()
    assert state.ended is Status.COMPLETED, [s for s in lab.stand.view()["steps"] if s["error"]]
    assert lab.lab.innocent_touched() == []
    assert written_twice(lab) == []
    proven = output(lab, "verify_contained")
    assert proven["contained"]
    cloud, story = lab.lab.cloud, lab.lab.tenant.story.artefacts
    assert not cloud.truth("keys", lab.account).props["active"], "deactivated, and kept"
    assert cloud.table("principals").get(story["user"]["ref"]) is None
    assert cloud.table("principals").get(story["role"]["ref"]) is None
    assert not cloud.truth("keys", story["second_key"]["key"]).props["active"]
    assert "999988887777" not in str(cloud.truth("principals", "role/build").props["trust"])
    assert cloud.truth("principals", "user/ci-deploy").props["attached"] == []
    assert cloud.truth("trails", story["trail"]["id"]).props["recording"]
    for instance in story["instances"]["ids"]:
        (interface,) = cloud.truth("instances", instance).props["interfaces"]
        (group,) = cloud.truth("interfaces", interface).props["groups"]
        assert cloud.truth("groups", group).props["name"] == "tenantry-isolation"


async def test_what_is_the_clients_own_is_told_from_what_is_not(lab: LabStand) -> None:
    lab.create()
    await without_answers(lab)
    trace = output(lab, "trace")
    story = lab.lab.tenant.story
    assert trace["verdict"] == "misused"
    assert trace["attacker_ips"] == sorted(story.attacker["ips"])
    assert {one["ref"] for one in trace["principals"]} == {"user/svc-backup-sync", "role/AccountAudit"}
    assert {one["ref"] for one in trace["instances"]} == set(story.artefacts["instances"]["ids"])
    assert {one["ref"] for one in trace["keys"]} == {
        *(lab.account, story.artefacts["user"]["key"], story.artefacts["second_key"]["key"])
    }
    assert [(one["ref"], one["policy"]) for one in trace["policies"]] == [
        ("user/ci-deploy", story.artefacts["attachment"]["policy"])
    ]
    assert any("RunInstances" in one["label"] for one in trace["kept"]), "the deployment's own machine"
    assert datetime.fromisoformat(trace["first"]) == story.began_at
    assert trace["attacker_events"]


async def test_the_key_leads_nowhere_before_anybody_has_answered(lab: LabStand) -> None:
    lab.create()
    state = await without_answers(lab)
    assert state.ended is None
    done = {step["id"]: step["outcome"] for step in lab.stand.view()["steps"]}
    for name in ("deactivate_keys", "deny_principals", "cut_sessions", "isolate_machines", "remove_policies"):
        assert done[name] == "changed", name
    assert output(lab, "verify_contained")["contained"]
    waiting = {gate.step for gate in state.open_gates()}
    assert {"confirmed", "personal_data", "remove_principals", "rotate"} <= waiting


async def test_a_plan_writes_nothing_and_lists_what_the_run_then_changes(lab: LabStand) -> None:
    lab.create(run_id="plan", mode="plan")
    planned = await lab.to_the_end("plan")
    assert planned.ended is Status.PLANNED, [s for s in lab.stand.view("plan")["steps"] if s["error"]]
    assert lab.lab.audit == []
    lab.create()
    made = await lab.to_the_end()

    assert changes(planned) == changes(made)


async def test_undo_gives_the_attacker_nothing_back(lab: LabStand) -> None:
    lab.create(requester={"person": "bob", "proven": True, "via": "test"})
    access = await lab.access()
    try:
        engine = lab.stand.engine(access)
        await engine.run("run-1")
        writes = len(lab.lab.audit)
        state = await engine.undo("run-1", step=None, by={"person": "ann"})
        assert state.ended is Status.UNDONE
        undone = {entry["method"] for entry in lab.lab.audit[writes:]}
        assert undone == {"set_groups", "delete_snapshot"}, (
            "machines are as they were; keys, trust and rights are not given back"
        )
        await engine.undo("run-1", step=None, by={"person": "ann"})
        assert len(lab.lab.audit) == writes + 4
        state = await engine.undo("run-1", step="deactivate_keys", by={"person": "bob"})
        gates = [gate for gate in state.open_gates() if gate.step == "deactivate_keys"]
        assert gates
        assert all(gate.request["four_eyes"] for gate in gates)
    finally:
        await access.aclose()


async def test_the_last_administrator_is_asked_about(lab: LabStand) -> None:
    """Everybody else has lost the right: to deny the attacker's user would lock the account, as far as the run can see."""
    for name in ("user/dana.ops", "user/kim.ops", "role/AccountAudit", "user/ci-deploy"):
        props = lab.lab.cloud.truth("principals", name).props
        props["attached"], props["groups"] = [], []
    lab.create()
    state = await without_answers(lab)
    gate = next(gate for gate in state.open_gates() if gate.step == "deny_principals")
    assert any("last administrator" in reason for reason in gate.request["reasons"])


async def test_a_role_revoked_in_mid_run_stops_it_and_it_goes_on_later(lab: LabStand) -> None:
    lab.lab.cloud_refused.add("cloud_identity.cut_sessions")
    lab.create()
    await without_answers(lab)
    failed = [step for step in lab.stand.view()["steps"] if step["outcome"] == "failed"]
    assert {step["error"]["code"] for step in failed} == {"permission_missing"}
    lab.lab.cloud_refused.clear()
    assert (await lab.to_the_end()).ended is Status.COMPLETED
    assert written_twice(lab) == []


async def test_no_secret_is_kept_anywhere(lab: LabStand, tmp_path: Path) -> None:
    lab.create()
    await lab.to_the_end()
    assert leaks(tmp_path, {"token": lab.lab.cloud_token, "sink": lab.lab.sink_token}) == []
