"""CACAO playbooks: held against the rules of the specification, and against the runbook that they were made from."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tenantry.discovery import RunbookCatalog, TaskRegistry, runbook_folders
from tenantry.runbook import Playbook, Runbook, cacao_playbook, parse_runbook
from tenantry.runbook.cacao import EXTENSION
from tests.support.cacao import complaints, order
from tests.tenantry.runbook.fakes import DEMO, REGISTRY

TASKS = TaskRegistry.discover()
SHIPPED = RunbookCatalog(runbook_folders(), TASKS)
WHEN = datetime(2026, 11, 20, 8, 15, 0, 123_456, UTC)


def shipped(id: str) -> tuple[Runbook, Playbook]:
    runbook = SHIPPED.get(id)
    return runbook, cacao_playbook(runbook, TASKS, modified=WHEN)


@pytest.fixture(scope="module")
def demo() -> Playbook:
    return cacao_playbook(parse_runbook(DEMO, "demo.yaml", REGISTRY), REGISTRY)


@pytest.mark.parametrize("id", SHIPPED.ids())
def test_a_shipped_runbook_is_a_sound_playbook(id: str) -> None:
    _, playbook = shipped(id)
    assert list(complaints(json.loads(json.dumps(playbook.content)))) == []


@pytest.mark.parametrize("id", SHIPPED.ids())
def test_every_step_is_in_it_after_what_it_needs(id: str) -> None:
    runbook, playbook = shipped(id)
    places = order(playbook.content)
    assert set(places) == {step.id for step in runbook.steps}
    for step in runbook.steps:
        for needed in runbook.upstream(step.id):
            assert places[needed][0] < places[step.id][0]


@pytest.mark.parametrize("id", SHIPPED.ids())
def test_every_step_stands_in_it_as_written(id: str) -> None:
    runbook, playbook = shipped(id)
    written = {
        made["step_extensions"][EXTENSION]["step_id"]: made["step_extensions"][EXTENSION]
        for made in playbook.content["workflow"].values()
        if "step_extensions" in made
    }
    for step in runbook.steps:
        kept = written[step.id]
        assert kept["uses"] == step.uses
        assert kept.get("with_params", {}) == step.model_dump(mode="json", by_alias=True)["with"]
        assert (kept.get("when"), kept.get("for_each"), kept.get("expect_at_most")) == (
            step.when,
            step.for_each,
            step.expect_at_most,
        )
    assert playbook.content["playbook_extensions"][EXTENSION]["digest"] == runbook.digest


def test_what_cannot_be_said_is_said_to_be_so() -> None:
    runbook, playbook = shipped("business_email_compromise")
    missing = "\n".join(playbook.not_expressed)
    for step in runbook.steps:
        if step.when or step.for_each or step.approve or step.expect_at_most is not None:
            assert step.id in missing
    assert "known_bad_ips" in missing  # a list of texts, which no variable type can say
    assert all(line in playbook.content["description"] for line in playbook.not_expressed)
    assert playbook.content["playbook_extensions"][EXTENSION]["not_expressed"] == list(playbook.not_expressed)


def test_the_demo_runbook(demo: Playbook) -> None:
    assert list(complaints(demo.content)) == []


def test_an_approval_comes_before_its_step() -> None:
    _, playbook = shipped("business_email_compromise")
    flow = playbook.content["workflow"]
    [approval] = [made for made in flow.values() if made.get("name", "").startswith("Approval: Let the person")]
    acting = flow[approval["on_success"]]
    assert acting["step_extensions"][EXTENSION]["step_id"] == "enable_sign_in"
    assert approval["timeout"] == 3 * 24 * 3600 * 1000
    assert playbook.content["agent_definitions"][approval["agent"]]["name"] == "Approvers"


def test_a_condition_is_decided_first() -> None:
    _, playbook = shipped("business_email_compromise")
    flow = playbook.content["workflow"]
    [decide] = [made for made in flow.values() if made.get("out_args") == ["__on_premises_is_needed__"]]
    branch = flow[decide["on_success"]]
    assert branch["condition"] == "__on_premises_is_needed__:value = 'true'"
    assert flow[branch["on_true"]]["step_extensions"][EXTENSION]["step_id"] == "on_premises"
    assert "__victims_output__" in decide["in_args"]


def test_a_failure_that_may_be_passed_over_is_passed_over() -> None:
    runbook, playbook = shipped("business_email_compromise")
    for made in playbook.content["workflow"].values():
        if "step_extensions" in made:
            step = runbook.step(made["step_extensions"][EXTENSION]["step_id"])
            assert ("on_completion" in made) == (step.on_failure == "continue")


def test_versions_share_an_id_and_are_told_apart_by_their_time() -> None:
    runbook, playbook = shipped("business_email_compromise")
    later = cacao_playbook(runbook, TASKS, modified=WHEN.replace(year=2027))
    assert playbook.content["id"] == later.content["id"]
    assert playbook.content["created"] == later.content["created"]
    assert (playbook.content["modified"], later.content["modified"]) == (
        "2026-11-20T08:15:00.123Z",
        "2027-11-20T08:15:00.123Z",
    )
    assert cacao_playbook(runbook, TASKS, modified=WHEN) == playbook


def _drop(playbook: dict[str, Any]) -> None:
    flow = playbook["workflow"]
    flow[playbook["workflow_start"]]["on_completion"] = next(
        made["on_completion"] for made in flow.values() if made["type"] == "parallel"
    )


def _circle(playbook: dict[str, Any]) -> None:
    first, second = [made for made in playbook["workflow"].values() if made["type"] == "parallel"][:2]
    second["on_completion"] = first["on_completion"]
    first["on_completion"] = next(id for id, made in playbook["workflow"].items() if made is second)


def _nowhere(playbook: dict[str, Any]) -> None:
    next(made for made in playbook["workflow"].values() if "on_success" in made)["on_success"] = playbook[
        "workflow_start"
    ]


def _share(playbook: dict[str, Any]) -> None:
    flow = playbook["workflow"]
    parallel = next(made for made in flow.values() if made["type"] == "parallel")
    first, second = (flow[id] for id in parallel["next_steps"][:2])
    key = "on_success" if "on_success" in second else "on_completion"
    second[key] = first.get("on_success") or first.get("on_completion")


@pytest.mark.parametrize("damage", [_drop, _circle, _nowhere, _share])
def test_the_check_finds_a_damaged_graph(damage: Any) -> None:
    playbook = copy.deepcopy(shipped("business_email_compromise")[1].content)
    damage(playbook)
    assert list(complaints(playbook))
