"""The runbook at one tenant, on the lab, through the real engine and provider. For many tenants: tests/flows/test_campaign.py."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.lab import Lab
from tenantry.discovery import TaskRegistry
from tenantry.places import SHIPPED
from tenantry.run import Status
from tenantry.runbook import load_runbook
from tests.faults.test_kills import NASTY, SIGKILLED, every
from tests.support.canary import leaks
from tests.support.faults import End, Kill, Ordeal, Zygote
from tests.support.lab_stand import LabStand, audit_key
from tests.support.runs import changes, lacking_facts, written_twice

PATH = SHIPPED / "incidents" / "msp_tool_compromise.yaml"
WHERE = ["append_before", "append_after", "write_before", "write_during", "write_after"]


def params(lab: Lab) -> dict[str, Any]:
    return {"tool": lab.scenario_info()["artefacts"]["tool"]["app_id"]}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabStand]:
    stand = LabStand(tmp_path, scenario="msp_tool", users=20, runbook="msp_tool_compromise", params=params)
    yield stand
    stand.close()


def test_messages_are_given_every_fact_that_their_templates_need() -> None:
    assert lacking_facts(load_runbook(PATH, TaskRegistry.discover(entry_points=False))) == {}


async def test_from_the_first_report_to_the_review(lab: LabStand, tmp_path: Path) -> None:
    lab.create()
    state = await lab.to_the_end()
    assert state.ended is Status.COMPLETED, [s for s in lab.stand.view()["steps"] if s["error"]]
    assert lab.lab.innocent_touched() == []
    story = lab.lab.scenario_info()["artefacts"]
    written = audit_key(lab.lab.audit)
    assert written_twice(lab) == []
    planted = f"applications/{story['planted']['application']}/passwordCredentials/{story['planted']['credential']}"
    vendor = {target for service, _, target in written if service == "graph"}
    assert vendor == {f"servicePrincipals/{story['tool']['id']}", planted}, (
        "its permissions stay for the day it is rebuilt"
    )
    assert state.item("verify", None).output["contained"]
    assert leaks(tmp_path, {"client secret": lab.lab.client_secret, "sink token": lab.lab.sink_token}) == []


async def test_a_plan_writes_nothing_and_lists_what_the_run_then_changes(lab: LabStand) -> None:
    lab.create(run_id="plan", mode="plan")
    planned = await lab.to_the_end("plan")
    assert planned.ended is Status.PLANNED
    assert lab.lab.audit == []
    lab.create()
    made = await lab.to_the_end()

    assert changes(planned) == changes(made)


async def test_the_tool_comes_back_only_alone_and_approved_by_somebody_else(lab: LabStand) -> None:
    lab.create(requester={"person": "bob", "proven": True, "via": "test"})
    access = await lab.access()
    engine = lab.stand.engine(access)
    await engine.run("run-1")
    writes = lab.lab.writes
    tool = lab.lab.scenario_info()["artefacts"]["tool"]["id"]
    applications = await access.capability("applications")
    await engine.undo("run-1", step="cut", by={"person": "bob"})
    assert lab.lab.writes == writes
    lab.stand.answer("run-1", "ann", steps=["cut"], reason="rebuilt, with new credentials")
    await engine.undo("run-1", step="cut", by={"person": "bob"})
    assert (await applications.application(tool)).enabled
    await access.aclose()


# --- the same end however it is interrupted: a few points here, all of them in the torture runs ---------------------------


@pytest.fixture(scope="module")
def ordeal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ordeal]:
    with Zygote() as zygote:
        folder = tmp_path_factory.mktemp("ordeal")
        made = Ordeal(zygote, folder, scenario="msp_tool", users=20, runbook="msp_tool_compromise", params=params)
        yield made
        made.close()


@pytest.fixture(scope="module")
def whole(ordeal: Ordeal) -> End:
    end, codes = ordeal.run()
    assert set(codes) == {0}
    assert end.status == "completed"
    assert set(end.writes.values()) == {1}
    assert end.innocent_touched == 0
    assert end.verified
    return end


@pytest.mark.parametrize(
    "kill", [Kill("write_after", 1), Kill("write_during", 2), Kill("append_after", 14)], ids=lambda kill: kill.where
)
def test_killed_it_ends_the_same(ordeal: Ordeal, whole: End, kill: Kill) -> None:
    end, codes = ordeal.run(kill)
    assert SIGKILLED in codes
    assert end == whole


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("where", WHERE)
def test_killed_everywhere(where: str, ordeal: Ordeal, whole: End) -> None:
    assert every(where, ordeal, whole) >= 4


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(10))
def test_nasty_lab_with_ten_seeds(seed: int, ordeal: Ordeal, whole: End) -> None:
    dice = random.Random(seed)
    kills = [Kill(dice.choice(WHERE), dice.randint(1, 10)) for _ in range(2)]
    end, _ = ordeal.run(*kills, faults={**NASTY, "seed": seed})
    assert end == whole
