from __future__ import annotations

from dataclasses import replace

from tasks.disaster.measure import Measure
from tests.support.fakes import FakeTenant
from tests.tenantry.disaster.test_measure import GOOD, PLAN, T0, at


class Record:
    def __init__(self, *steps) -> None:
        self.steps = steps

    async def run(self, run_id: str):
        return {"steps": list(self.steps)}


async def measured(*steps):
    task = Measure()
    ctx = replace(FakeTenant(more={"recorded": Record(*steps)}).context(task), now=T0.replace(hour=12))
    given = {"systems": [PLAN.model_dump()], "outage_began": at(0), "detected_at": at(1), "declared_at": at(5)}
    return await task.read(ctx, task.Params.model_validate(given))


async def test_held_against_what_was_promised():
    found = await measured(*GOOD)
    assert (found.recovered, found.not_shown, found.rto_missed, found.rpo_missed) == (["db"], [], [], [])
    assert found.lines == ["DB: recovered, after 30m, RTO 1h kept, lost 8m, RPO 10m"]


async def test_nothing_that_was_not_shown_is_called_recovered():
    found = await measured(GOOD[0])
    assert found.not_shown == ["db"]
    assert found.rto_missed == ["db"]
    assert "NOT SHOWN TO BE BACK" in found.lines[0]
    assert "not measured" in found.lines[0]
