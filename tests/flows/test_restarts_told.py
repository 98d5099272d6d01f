"""What of the service ends under a recovery stands in its record, and so in its report."""

from __future__ import annotations

import asyncio
from pathlib import Path

from flows.service import _told
from tenantry.disaster.report.document import document
from tests.support.disaster import Simulated, loaded, plan_text, registry, until
from tests.support.stand import Stand


async def test_a_process_that_ended_under_a_recovery_is_in_its_report(tmp_path: Path) -> None:
    stand = Stand(tmp_path / "home", registry())
    stand.person("ann", "approver", "engineer")
    sim = Simulated(stand, loaded(plan_text({"web": {}})))
    sim.create()
    await _told(stand.journal, "worker", 1)
    await sim.go()
    stand.answer("run-1", "ann")
    running = asyncio.create_task(sim.go())
    await until(lambda: sim.world.begun)
    await _told(stand.journal, "Prefect server", -9)
    sim.world.let("web")
    await running
    view = await sim.access.capabilities["recorded"].run("run-1")
    assert [one["process"] for one in view["restarts"]] == ["worker", "Prefect server"]
    made = document(view, [], client="Acme", at=view["restarts"][-1]["at"], findings=[], lessons="", step="report")
    assert made["told"][-1].startswith("Under it the Prefect server ended at 20")
    stand.close()


async def test_other_runs_are_left_alone(tmp_path: Path) -> None:
    stand = Stand(tmp_path / "home", registry())
    stand.create(
        "id: plain\nversion: 1\ntitle: Plain\nkind: service_request\nphases: [one]\nsteps:\n"
        "  - {id: a, title: A, phase: one, uses: human.do, with: {role: engineer, expires_in: 2d, instruction: x}}\n"
    )
    before = len(stand.journal.records("run-1"))
    await _told(stand.journal, "worker", 1)
    assert len(stand.journal.records("run-1")) == before
    stand.close()
