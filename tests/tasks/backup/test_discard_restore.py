from __future__ import annotations

import pytest

from tasks.backup.discard_restore import DiscardRestore
from tasks.backup.restore_point import RestorePoint
from tenantry.errors import Rejected
from tenantry.task import Outcome
from tests.support.effects import drive
from tests.support.ransom import RansomTenant
from tests.tasks.backup.test_restore_point import job, prepare


async def restored() -> RansomTenant:
    tenant = RansomTenant()
    await drive(tenant, RestorePoint(), prepare(tenant))
    tenant.writes.clear()
    return tenant


async def test_what_this_run_restored_goes_away_once() -> None:
    tenant = await restored()
    planned = await drive(tenant, DiscardRestore(), prepare(tenant), mode="plan")
    assert (planned.outcome, list(tenant.writes)) == (Outcome.WOULD_CHANGE, [])
    assert (await drive(tenant, DiscardRestore(), prepare(tenant))).outcome is Outcome.CHANGED
    assert list(tenant.writes) == [("remove_restored", f"jobs/{job(tenant)}", None)]
    assert (await drive(tenant, DiscardRestore(), prepare(tenant))).outcome is Outcome.ALREADY
    assert len(tenant.writes) == 1


async def test_what_nobody_restored_is_not_looked_for_elsewhere() -> None:
    tenant = RansomTenant()
    assert (await drive(tenant, DiscardRestore(), prepare(tenant))).outcome is Outcome.ALREADY
    assert list(tenant.writes) == []


async def test_a_restore_on_its_way_is_not_pulled_away() -> None:
    tenant = await restored()
    backup = tenant.more["backup"]
    ask = backup.job

    async def running(id: str):
        return (await ask(id)).model_copy(update={"state": "running"})

    backup.job = running
    with pytest.raises(Rejected):
        await drive(tenant, DiscardRestore(), prepare(tenant))
    assert list(tenant.writes) == []
