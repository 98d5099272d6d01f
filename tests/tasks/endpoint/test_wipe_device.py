from __future__ import annotations

import pytest

from tasks.endpoint.wipe_device import WipeDevice
from tenantry.task import Impact, Outcome
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import FakeTenant
from tests.tasks.endpoint.managed import managed, prepare, stocked


class TestWipeDevice(EffectContract):
    case = Case(task=WipeDevice, prepare=prepare, writes=[("wipe", "d1", None)], undo_writes=None)


@pytest.mark.parametrize(("state", "ordered"), [("retiring", True), ("failed", True), ("wiping", False), (None, False)])
async def test_only_a_wipe_is_a_wipe(state: str | None, ordered: bool):
    tenant = FakeTenant()
    stocked(tenant, *([managed("d1", state=state)] if state else []))
    done = await drive(tenant, WipeDevice(), {"account": "id-alice", "device_id": "d1"})
    assert (done.outcome is Outcome.CHANGED) is ordered
    assert bool(tenant.writes) is ordered


def test_it_always_takes_an_approval():
    assert WipeDevice.impact is Impact.IRREVERSIBLE
