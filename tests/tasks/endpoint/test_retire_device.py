from __future__ import annotations

import pytest

from tasks.endpoint.retire_device import RetireDevice
from tenantry.task import Outcome
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import FakeTenant
from tests.tasks.endpoint.managed import managed, prepare, stocked


class TestRetireDevice(EffectContract):
    case = Case(task=RetireDevice, prepare=prepare, writes=[("retire", "d1", None)], undo_writes=None)


@pytest.mark.parametrize("state", ["retiring", "wiping", None])
async def test_what_is_on_its_way_or_gone_is_ordered_nothing(state: str | None):
    tenant = FakeTenant()
    stocked(tenant, *([managed("d1", state=state)] if state else []))
    done = await drive(tenant, RetireDevice(), {"account": "id-alice", "device_id": "d1"})
    assert (done.outcome, tenant.writes) == (Outcome.ALREADY, [])


async def test_one_that_could_not_obey_is_ordered_again():
    tenant = FakeTenant()
    stocked(tenant, managed("d1", state="failed"))
    [change] = (await drive(tenant, RetireDevice(), {"account": "id-alice", "device_id": "d1"})).changes
    assert (change.before, change.after) == ("failed", "retiring")
