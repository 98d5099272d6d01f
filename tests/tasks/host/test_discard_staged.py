from __future__ import annotations

from tasks.host.discard_staged import DiscardStaged
from tasks.host.stage_restore import StageRestore
from tenantry.task import Outcome
from tests.support.effects import drive
from tests.support.ransom import RansomTenant
from tests.tasks.host.test_stage_restore import prepare, target


async def test_what_this_run_staged_goes_away_once_and_nothing_else() -> None:
    tenant = RansomTenant()
    files = dict(tenant.web.files)
    assert (await drive(tenant, DiscardStaged(), prepare(tenant))).outcome is Outcome.ALREADY
    await drive(tenant, StageRestore(), prepare(tenant))
    tenant.writes.clear()
    planned = await drive(tenant, DiscardStaged(), prepare(tenant), mode="plan")
    assert (planned.outcome, list(tenant.writes)) == (Outcome.WOULD_CHANGE, [])
    assert (await drive(tenant, DiscardStaged(), prepare(tenant))).outcome is Outcome.CHANGED
    assert list(tenant.writes) == [("remove_staged", target(), None)]
    assert (await drive(tenant, DiscardStaged(), prepare(tenant))).outcome is Outcome.ALREADY
    assert (tenant.web.files, len(tenant.writes)) == (files, 1)
