"""The runbook as a whole, on the lab tenant, through the real engine and the real Microsoft 365 provider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.lab import FaultPlan, Lab
from tenantry.discovery import TaskRegistry
from tenantry.places import SHIPPED
from tenantry.run import Status
from tenantry.runbook import load_runbook
from tenantry.runbook.templates import Templates
from tenantry.task import Outcome, Task
from tests.support.canary import leaks
from tests.support.faults import End, Kill, Ordeal, Zygote
from tests.support.lab_stand import LabStand, audit_key

PATH = SHIPPED / "incidents" / "malicious_oauth_app.yaml"


def params(lab: Lab) -> dict[str, Any]:
    return {"application": lab.scenario_info()["artefacts"]["application"]["name"]}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabStand]:
    stand = LabStand(tmp_path, scenario="oauth_app", users=40, runbook="malicious_oauth_app", params=params)
    yield stand
    stand.close()


async def without_answers(lab: LabStand) -> Any:
    access = await lab.access()
    try:
        return await lab.stand.engine(access).run("run-1")
    finally:
        await access.aclose()


class TestFile:
    def test_messages_are_given_every_fact_that_their_templates_need(self) -> None:
        templates = Templates([SHIPPED / "messages"])
        sent = [s for s in load_runbook(PATH, registry()).steps if s.uses == "messenger.notify"]
        assert len(sent) == 3
        for step in sent:
            assert templates.facts_needed(step.with_["template"]) <= set(step.with_["facts"]), step.id

    def test_evidence_comes_before_every_effect_on_the_tenant(self) -> None:
        runbook = load_runbook(PATH, registry())
        for step in runbook.steps:
            if issubclass(registry().get(step.uses), Task) and step.uses != "messenger.notify":
                assert {"application", "activity", "audit_first"} <= above(runbook, step.id), step.id

    def test_no_person_stands_before_containment(self) -> None:
        runbook = load_runbook(PATH, registry())
        for name in ("disable", "remove_planted", "revoke_sessions", "remove_grants", "remove_credentials"):
            assert runbook.step(name).approve is None
            assert not [up for up in above(runbook, name) if runbook.step(up).uses.startswith("human.")]


def registry() -> TaskRegistry:
    return TaskRegistry.discover(entry_points=False)


def above(runbook: Any, step_id: str) -> set[str]:
    direct = runbook.upstream(step_id)
    return set(direct).union(*(above(runbook, name) for name in direct)) if direct else set()


async def test_an_incident_from_the_first_report_to_the_review(lab: LabStand) -> None:
    lab.create()
    state = await lab.to_the_end()
    assert state.ended is Status.COMPLETED, [s for s in lab.stand.view()["steps"] if s["error"]]
    assert lab.lab.innocent_touched() == []
    story = lab.lab.scenario_info()["artefacts"]
    assert {what for what, n in Counter(audit_key(lab.lab.audit)).items() if n > 1} == set()
    targets = {entry["target"] for entry in lab.lab.audit}
    application = f"servicePrincipals/{story['application']['id']}"
    planted = f"applications/{story['planted']['application']}/passwordCredentials/{story['planted']['credential']}"
    grants = story["grants"]
    assert {
        application,
        planted,
        f"{application}/passwordCredentials/{story['application']['credential']}",
        *(f"oauth2PermissionGrants/{one}" for one in grants["delegated"]),
        *(f"appRoleAssignments/{one}" for one in (*grants["roles"], *grants["assignments"])),
    } <= targets
    left = state.item("verify", None).output
    assert left["contained"]
    assert any("already had" in caveat for caveat in left["caveats"])
    found = state.item("activity", None).output
    assert found["sign_ins"] == len(story["sign_ins"]["ids"])
    assert found["ips"] == [story["sign_ins"]["ip"]]
    assert [one["credential_id"] for one in found["planted"]] == [story["planted"]["credential"]]
    assert len(found["consented_by"]) == 3


async def test_it_is_out_before_anybody_has_answered(lab: LabStand) -> None:
    lab.create()
    state = await without_answers(lab)
    assert state.ended is None
    outcomes = {step["id"]: step["outcome"] for step in lab.stand.view()["steps"]}
    for name in ("disable", "remove_planted", "remove_grants", "remove_credentials"):
        assert outcomes[name] == "changed", name
    assert {"confirmed", "personal_data"} <= {gate.step for gate in state.open_gates()}


async def test_its_real_model_and_other_applications_are_told_apart(lab: LabStand) -> None:
    """Names that nearly are the same do not matter, a name that two have stops the run before anything is done."""
    twin = lab.lab.tenant.service_principals.get(lab.lab.scenario_info()["artefacts"]["application"]["id"])
    assert twin is not None
    for other in lab.lab.tenant.service_principals:
        if other.props["displayName"] == "DocuVault eSign":
            other.props["displayName"] = twin.props["displayName"]
    lab.create()
    state = await without_answers(lab)
    assert state.stopped is Status.PAUSED
    error = next(step["error"] for step in lab.stand.view()["steps"] if step["id"] == "application")
    assert error["code"] == "target_not_found"
    assert twin.id in error["remedy"]
    assert lab.lab.audit == []


async def test_an_application_with_a_verified_publisher_waits_for_a_person(lab: LabStand) -> None:
    lab.create(params={"application": "DocuVault eSign"})
    state = await without_answers(lab)
    gate = next(gate for gate in state.open_gates() if gate.step == "disable")
    assert "verified" in gate.request["reasons"][0]
    assert [entry for entry in lab.lab.audit if entry["service"] != "sink"] == []


async def test_a_plan_writes_nothing_and_lists_what_the_run_then_changes(lab: LabStand) -> None:
    lab.create(run_id="plan", mode="plan")
    planned = await lab.to_the_end("plan")
    assert planned.ended is Status.PLANNED
    assert lab.lab.audit == []
    lab.create()
    made = await lab.to_the_end()

    def paths(state: Any) -> set[str]:
        return {
            change.path.replace(state.run_id, "RUN")
            for item in state.items.values()
            for change in item.changes
            if item.outcome in {Outcome.WOULD_CHANGE, Outcome.CHANGED}
        }

    assert paths(planned) == paths(made)


async def test_undo_gives_an_attacker_nothing_back(lab: LabStand) -> None:
    lab.create(requester={"person": "bob", "proven": True, "via": "test"})
    await without_answers(lab)
    writes = len(lab.lab.audit)
    access = await lab.access()
    engine = lab.stand.engine(access)
    state = await engine.undo("run-1", step=None, by={"person": "ann"})
    assert state.ended is Status.UNDONE
    assert lab.lab.audit[writes:] == []
    for step in lab.stand.view()["steps"]:
        if step["outcome"] == "changed":
            assert step["undo"]["why"], step["id"]
    # One step alone, approved by somebody else: it was theirs after all.
    await engine.undo("run-1", step="disable", by={"person": "bob"})
    lab.stand.answer("run-1", "ann", steps=["disable"], reason="it was theirs after all")
    await engine.undo("run-1", step="disable", by={"person": "bob"})
    applications = await access.capability("applications")
    story = lab.lab.scenario_info()["artefacts"]["application"]
    assert (await applications.application(story["id"])).enabled
    await access.aclose()


async def test_throttling_and_lag_change_nothing_but_the_time(lab: LabStand) -> None:
    lab.create()
    lab.lab.faults.set(FaultPlan.model_validate({"propagation_ms": 40, "error_rate": 0.03, "partial_page_rate": 0.3}))
    state = await lab.to_the_end()
    assert state.ended is Status.COMPLETED, {key: item.outcome for key, item in state.items.items()}
    assert lab.lab.innocent_touched() == []


async def test_no_secret_of_the_tenant_is_kept_anywhere(lab: LabStand, tmp_path: Path) -> None:
    lab.create()
    await lab.to_the_end()
    secrets = {"client secret": lab.lab.client_secret, "sink token": lab.lab.sink_token}
    assert leaks(tmp_path, secrets) == []


# --- the same end however it is interrupted: a few points here, all of them in the torture runs ---------------------------


@pytest.fixture(scope="module")
def ordeal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ordeal]:
    with Zygote() as zygote:
        made = Ordeal(
            zygote,
            tmp_path_factory.mktemp("oauth"),
            scenario="oauth_app",
            users=40,
            runbook="malicious_oauth_app",
            params=params,
        )
        yield made
        made.close()


@pytest.fixture(scope="module")
def whole(ordeal: Ordeal) -> End:
    end, codes = ordeal.run()
    assert set(codes) == {0}
    assert end.status == "completed"
    assert end.innocent_touched == 0
    return end


@pytest.mark.parametrize(
    "kill", [Kill("write_after", 1), Kill("write_during", 4), Kill("append_before", 25)], ids=lambda kill: kill.where
)
def test_a_kill(ordeal: Ordeal, whole: End, kill: Kill) -> None:
    end, codes = ordeal.run(kill)
    assert -9 in codes
    assert end == whole


@pytest.mark.torture
@pytest.mark.parametrize("where", ["write_before", "write_after"])
@pytest.mark.parametrize("nth", range(1, 16))
def test_a_kill_at_every_write(ordeal: Ordeal, whole: End, where: str, nth: int) -> None:
    end, _ = ordeal.run(Kill(where, nth))
    assert end == whole


@pytest.mark.torture
@pytest.mark.parametrize("nth", range(1, 90, 2))
def test_a_kill_at_every_other_append(ordeal: Ordeal, whole: End, nth: int) -> None:
    end, _ = ordeal.run(Kill("append_after", nth))
    assert end == whole
