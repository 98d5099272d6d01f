"""Those who wait hear from us on the cadence that the plan promises: once each, told from the record, until service is declared back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from flows.assembly import Installation
from flows.updating import RUNBOOK, Updates, run_id_of
from tenantry.clock import SystemClock
from tests.flows.test_pinning import answer, begin, carried, installation
from tests.flows.test_sweep_schedule import Scheduled

__all__ = ["installation"]


class Later(SystemClock):
    """This machine's clock, set forward."""

    by = timedelta(0)

    def now(self):
        return super().now() + self.by


async def test_once_each_from_the_declaration_on_and_only_the_latest(installation: Installation) -> None:
    installation.journal.clock = clock = Later()
    scheduled = Scheduled()
    updates = Updates(installation, scheduled)
    run_id = await asyncio.to_thread(begin, installation, "acme", "run")
    # The lab stands in for what the plan would do: nothing of it is reached, and the record says so.
    await carried(installation, run_id, "drill")
    clock.by = timedelta(hours=3)
    assert await updates.look() == [], "nobody has declared"
    clock.by = timedelta(0)
    answer(installation, run_id)
    await carried(installation, run_id, "drill")
    assert await updates.look() == [], "an hour is not over"
    clock.by = timedelta(hours=2, minutes=10)
    assert await updates.look() == [run_id_of(run_id, 2)]
    assert await updates.look() == []
    (state,) = scheduled.runs
    assert state.runbook == RUNBOOK
    assert state.params["contacts"] == ["primary"]
    assert (state.params["recovered"], state.params["away"]) == (["Pages"], [])
    answer(installation, run_id)
    await carried(installation, run_id, "drill")
    clock.by = timedelta(hours=5)
    assert await updates.look() == [], "service was declared back"


@pytest.mark.parametrize("mode", ["drill"])
async def test_a_drill_tells_nobody(installation: Installation, mode: str) -> None:
    installation.journal.clock = clock = Later()
    run_id = await asyncio.to_thread(begin, installation, "acme", mode)
    await carried(installation, run_id)
    answer(installation, run_id)
    await carried(installation, run_id)
    clock.by = timedelta(hours=5)
    assert await Updates(installation, Scheduled()).look() == []
