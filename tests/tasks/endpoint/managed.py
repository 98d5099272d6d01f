"""Devices of a fake tenant that are managed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tenantry.capabilities import ManagedDevice
from tenantry.errors import TargetNotFound
from tests.support.fakes import NOW, FakeTenant


class FakeManagedDevices:
    """An order is accepted at once; a device leaves when a test takes it out of ``all``."""

    def __init__(self, tenant: FakeTenant) -> None:
        self._tenant = tenant
        self.all: dict[str, ManagedDevice] = {}

    async def devices(self, user: str) -> Sequence[ManagedDevice]:
        return list(self.all.values())

    async def device(self, device_id: str) -> ManagedDevice:
        if device_id not in self.all:
            raise TargetNotFound(f"{device_id} is not managed")
        return self.all[device_id]

    async def retire(self, device_id: str) -> None:
        await self._order(device_id, "retire", "retiring")

    async def wipe(self, device_id: str) -> None:
        await self._order(device_id, "wipe", "wiping")

    async def _order(self, device_id: str, what: str, state: str) -> None:
        found = await self.device(device_id)
        self.all[device_id] = found.model_copy(update={"state": state})
        self._tenant.writes.append((what, device_id, None))


def managed(id: str, **changes: Any) -> ManagedDevice:
    facts = {
        "id": id,
        "name": f"LT-{id}",
        "operating_system": "Windows",
        "ownership": "company",
        "state": "managed",
        "last_seen": NOW,
        "raw": {"id": id, "vendor": "as it came"},
    }
    return ManagedDevice.model_validate({**facts, **changes})


def stocked(tenant: FakeTenant, *devices: ManagedDevice) -> FakeManagedDevices:
    """The tenant with these devices, enrolled for alice."""
    tenant.add_account("alice")
    made = tenant.more["managed_devices"] = FakeManagedDevices(tenant)
    made.all = {one.id: one for one in devices}
    return made


def prepare(tenant: FakeTenant) -> dict[str, str]:
    stocked(tenant, managed("d1"), managed("d2"))
    return {"account": "id-alice", "device_id": "d1"}
