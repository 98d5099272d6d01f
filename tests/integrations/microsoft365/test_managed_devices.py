"""``managed_devices`` against the lab's Graph."""

from __future__ import annotations

import pytest

from integrations.lab.graph.managed_devices import obey
from integrations.microsoft365.managed_devices import _device
from tenantry.errors import PermissionMissing, VendorFault
from tests.conformance.managed_devices import ManagedDevicesConformance, ManagedDevicesWorld


class TestConformance(ManagedDevicesConformance):
    @pytest.fixture
    async def world(self, stand) -> ManagedDevicesWorld:
        tenant = stand.lab.tenant
        return ManagedDevicesWorld(
            provider=(await stand.open()).capability("managed_devices"),
            user=tenant.directory.upn_of(3),
            unknown="00000000-0000-4000-8000-000000000000",
            obey=lambda: obey(tenant, stand.lab.now().timestamp()),
        )


async def test_a_wipe_keeps_nothing(stand) -> None:
    devices = (await stand.open()).capability("managed_devices")
    [one] = await devices.devices(stand.lab.tenant.directory.upn_of(3))
    assert (one.ownership, one.operating_system) == ("company", "Windows")
    await devices.wipe(one.id)
    [written] = stand.lab.audit
    assert written["method"] == "POST wipe"


async def test_what_is_not_granted_is_said(stand) -> None:
    devices = (await stand.open()).capability("managed_devices")
    [one] = await devices.devices(stand.lab.tenant.directory.upn_of(3))
    stand.lab.change_permissions(revoke=["DeviceManagementManagedDevices.PrivilegedOperations.All"])
    with pytest.raises(PermissionMissing):
        await devices.retire(one.id)


def test_a_state_that_is_not_known_is_no_state() -> None:
    with pytest.raises(VendorFault):
        _device({"id": "d", "managementState": "unknownFutureValue"})
