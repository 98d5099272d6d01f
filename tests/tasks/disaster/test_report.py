from __future__ import annotations

import json
from dataclasses import replace

from tasks.disaster.report import MakeDisasterReport
from tests.support.fakes import FakeTenant
from tests.tenantry.disaster.report.test_report import made
from tests.tenantry.disaster.test_measure import T0, at


class Record:
    async def run(self, run_id: str):
        return {"title": "t", "mode": "run", "run_id": run_id, "params": {"plan": "p"}, "steps": [], "approvals": []}


async def test_data_page_and_pdf_are_kept_as_evidence():
    task = MakeDisasterReport()
    ctx = replace(FakeTenant(more={"recorded": Record()}).context(task), now=T0)
    given = {"systems": made()["systems"], "outage_began": at(0), "findings": ["no drill"], "lessons": "more drills"}
    found = await task.read(ctx, task.Params.model_validate(given))
    assert [one.name for one in found.evidence] == [
        "disaster-report.json",
        "disaster-report.html",
        "disaster-report.pdf",
    ]
    assert "3 of 5 systems are back" in found.summary[0]
    assert "RTO missed" in found.badges
    assert json.dumps(found.model_dump(mode="json"))
