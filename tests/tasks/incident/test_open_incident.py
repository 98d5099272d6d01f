from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tasks.incident.open_incident import OpenIncident, OpenIncidentParams
from tenantry.clock import rfc3339
from tenantry.task import Context, RunFacts
from tests.support.fakes import NOW

GIVEN = {"runbook": "business_email_compromise", "params": {"account": "anna@acme.example"}, "findings": ["f1", "f2"]}


class Incidents:
    def __init__(self, *there: str) -> None:
        self.there = set(there)
        self.asked: list[tuple[Any, ...]] = []

    async def opened(self, run_ids: Sequence[str], findings: Sequence[str] = (), since: Any = None) -> str | None:
        self.looked = (list(findings), since)
        return next((one for one in run_ids if one in self.there), None)

    async def open(self, run_id: str, runbook: str, params: Mapping[str, Any], because: Mapping[str, Any]) -> None:
        self.asked.append((run_id, runbook, dict(params), dict(because)))
        self.there.add(run_id)


def context(incidents: Incidents, **more: Any) -> Context:
    run = RunFacts("sweep-1", "acme", "run", NOW, "compromise_sweep")
    return Context(run=run, capabilities={"incidents": incidents}, evidence=None, now=NOW, **more)  # type: ignore[arg-type]  # not used


def params(*run_ids: str) -> OpenIncidentParams:
    return OpenIncidentParams(**GIVEN, run_ids=list(run_ids))


async def test_the_first_is_opened_with_what_it_is_about() -> None:
    incidents, task, p = Incidents(), OpenIncident(), params("r1", "r2")
    changes = await task.check(context(incidents), p)
    assert [(one.path, one.before, one.after) for one in changes] == [("run/r1/opened", None, GIVEN["runbook"])]
    await task.apply(context(incidents), p, changes)
    assert incidents.asked == [
        (
            *("r1", GIVEN["runbook"], GIVEN["params"]),
            {"run": "sweep-1", "runbook": "compromise_sweep", "findings": GIVEN["findings"], "run_ids": ["r1", "r2"]},
        )
    ]
    assert await task.verify(context(incidents), p, changes) == []


async def test_what_others_opened_for_the_findings_is_asked_for() -> None:
    incidents, task = Incidents(), OpenIncident()
    p = params("r1").model_copy(update={"since": NOW})
    changes = await task.check(context(incidents), p)
    assert incidents.looked == (GIVEN["findings"], NOW)
    await task.apply(context(incidents), p, changes)
    assert incidents.asked[0][3]["since"] == rfc3339(NOW)


@pytest.mark.parametrize("there", ["r1", "r2"])
async def test_one_that_is_there_stands_for_all(there: str) -> None:
    assert await OpenIncident().check(context(Incidents(there)), params("r1", "r2")) == []


async def test_a_plan_sees_what_it_would_have_opened() -> None:
    planned = {"run/r1/opened": GIVEN["runbook"]}
    assert await OpenIncident().check(context(Incidents(), planned=planned), params("r1")) == []
