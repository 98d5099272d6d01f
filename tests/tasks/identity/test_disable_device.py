from __future__ import annotations

import pytest

from tasks.identity.disable_device import DisableDevice
from tenantry.capabilities import Device
from tenantry.errors import Conflict
from tenantry.task import Outcome
from tests.support.effects import Case, ContestedEffectContract, drive, undo
from tests.support.fakes import FakeTenant


def device(id: str) -> Device:
    return Device(id=id, name=id, enabled=True, operating_system="Windows", registered_at=None, raw={})


def prepare(tenant: FakeTenant) -> dict[str, str]:
    account = tenant.add_account("alice")
    tenant.identity.device_list[account.id] = [device("theirs"), device("own")]
    return {"account": account.id, "device_id": "theirs"}


class TestDisableDevice(ContestedEffectContract):
    case = Case(
        task=DisableDevice,
        prepare=prepare,
        writes=[("set_device_enabled", "theirs", False)],
        undo_writes=[("set_device_enabled", "theirs", True)],
        seen=lambda tenant: [(d.id, d.enabled) for d in tenant.identity.device_list["id-alice"]],
        upsets=lambda tenant: tenant.identity.device_list.clear(),
        foothold=True,
    )


async def test_a_device_that_is_gone_counts_as_disabled():
    tenant = FakeTenant()
    params = {**prepare(tenant), "device_id": "gone"}
    assert (await drive(tenant, DisableDevice(), params)).outcome is Outcome.ALREADY


async def test_undo_of_a_deleted_device_is_a_conflict():
    tenant = FakeTenant()
    params = prepare(tenant)
    made = await drive(tenant, DisableDevice(), params)
    tenant.identity.device_list["id-alice"] = []
    with pytest.raises(Conflict):
        await undo(tenant, DisableDevice(), params, made.changes)
