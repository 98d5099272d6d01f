"""Two sweeps that look at the same moment open one incident for what both found; what comes back later is opened anew."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from console import labtenant
from flows.assembly import Installation
from flows.sweeping import SWEEP, TenantIncidents
from tenantry.clock import parse_rfc3339, rfc3339
from tenantry.home import Home

RUNBOOK = "business_email_compromise"
PARAMS = {"account": "anna@lab.example"}


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with Installation(Home(tmp_path / "home").ensure()) as found:
        labtenant.register(found, "acme", "http://127.0.0.1:9", labtenant.lab_for("acme", scenario="quiet", users=20))
        yield found


def because(sweep: str, finding: str, run_id: str, since: datetime) -> dict[str, Any]:
    return {"run": sweep, "findings": [finding], "run_ids": [run_id], "since": rfc3339(since)}


def run_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def opened(installation: Installation) -> list[str]:
    return [index.run_id for index in installation.journal.runs("acme") if index.runbook == RUNBOOK]


async def test_several_at_once_open_one(installation: Installation) -> None:
    began = installation.journal.clock.now()

    async def sweep(number: int) -> str | None:
        incidents = TenantIncidents(installation, "acme", "run")
        mine = run_id(number)
        await incidents.open(mine, RUNBOOK, PARAMS, because(f"sweep-{number}", "f1", mine, began))
        return await incidents.opened([mine], ["f1"], began)

    found = await asyncio.gather(*(sweep(number) for number in range(6)))
    (only,) = opened(installation)
    assert set(found) == {only}
    assert installation.state(only).requester["via"] == SWEEP


async def test_another_finding_and_one_that_came_back_are_others(installation: Installation) -> None:
    began = installation.journal.clock.now()
    incidents = TenantIncidents(installation, "acme", "run")
    await incidents.open(run_id(1), RUNBOOK, PARAMS, because("sweep-1", "f1", run_id(1), began))
    (first,) = installation.journal.runs("acme")
    after = parse_rfc3339(first.created_at) + timedelta(microseconds=1)
    assert await incidents.opened([run_id(2)], ["f1"], began) == run_id(1)
    assert await incidents.opened([run_id(2)], ["f2"], began) is None
    # This one looked when the first was there already: that its finding has another id says that it was gone meanwhile.
    assert await incidents.opened([run_id(2)], ["f1"], after) is None
    assert await incidents.opened([run_id(2)], ["f1"]) is None
    assert await TenantIncidents(installation, "acme", "drill").opened([run_id(2)], ["f1"], began) is None
    await incidents.open(run_id(2), RUNBOOK, PARAMS, because("sweep-2", "f1", run_id(2), after))
    assert sorted(opened(installation)) == [run_id(1), run_id(2)]
