"""``managed_devices`` for Microsoft 365: Intune.

========= ===================================================== =============================================================
method    permission                                            page (learn.microsoft.com/graph/api/…)
========= ===================================================== =============================================================
devices   DeviceManagementManagedDevices.Read.All               user-list-manageddevices, intune-devices-manageddevice-list
device    DeviceManagementManagedDevices.Read.All               intune-devices-manageddevice-get
retire    DeviceManagementManagedDevices.PrivilegedOperations.All intune-devices-manageddevice-retire
wipe      DeviceManagementManagedDevices.PrivilegedOperations.All intune-devices-manageddevice-wipe
========= ===================================================== =============================================================

Known limits:
    - The tenant needs a licence for Intune.
    - A device obeys when it next asks for orders: one that is switched off, lost for good or without network never does. What it reports after
      that is the vendor's word; nothing else proves that it forgot anything.
    - An Apple device that is not supervised keeps its activation lock when it is wiped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from integrations.microsoft365._read import text, when
from integrations.microsoft365.graph import Graph, segment
from integrations.microsoft365.sdk import build
from tenantry.capabilities.managed_devices import DeviceState, ManagedDevice
from tenantry.errors import TargetNotFound, VendorFault

__all__ = ["Microsoft365ManagedDevices"]

_READ: Final = "DeviceManagementManagedDevices.Read.All"
_ORDER: Final = "DeviceManagementManagedDevices.PrivilegedOperations.All"
_STATES: Final[dict[str, DeviceState]] = {
    **dict.fromkeys(("managed", "unhealthy", "discovered", "retireCanceled", "wipeCanceled"), "managed"),
    **dict.fromkeys(("retirePending", "retireIssued", "deletePending"), "retiring"),
    **dict.fromkeys(("wipePending", "wipeIssued"), "wiping"),
    **dict.fromkeys(("retireFailed", "wipeFailed"), "failed"),
}
_OWNERS: Final = ("company", "personal")


class Microsoft365ManagedDevices:
    """Implements :class:`tenantry.capabilities.ManagedDevices`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def devices(self, user: str) -> Sequence[ManagedDevice]:
        """Those enrolled for this account."""
        rows = await self._graph.whole(f"/users/{segment(user)}/managedDevices", needs=_READ)
        return [_device(row) for row in rows]

    async def device(self, device_id: str) -> ManagedDevice:
        """Raises TargetNotFound: it was retired or wiped, or never enrolled."""
        return _device(await self._graph.get(f"/deviceManagement/managedDevices/{segment(device_id)}", needs=_READ))

    async def retire(self, device_id: str) -> None:
        """Absent counts as retired."""
        prepared = await build(
            self._root, lambda sdk: sdk.managed_device(device_id).retire.to_post_request_information()
        )
        await self._order(prepared)

    async def wipe(self, device_id: str) -> None:
        """With everything that is on it, and its enrolment. Absent counts as wiped."""
        prepared = await build(
            self._root,
            lambda sdk: sdk.managed_device(device_id).wipe.to_post_request_information(sdk.whole_wipe()),
        )
        await self._order(prepared)

    async def _order(self, prepared: Any) -> None:
        try:
            await self._graph.send(prepared, needs=_ORDER)
        except TargetNotFound:
            return

    @property
    def _root(self) -> str:
        return f"{self._graph.base_url}/v1.0"


def _device(row: dict[str, Any]) -> ManagedDevice:
    state = _STATES.get(text(row.get("managementState")))
    if state is None:
        raise VendorFault("Graph told of a device without a state that is known", vendor="microsoft365")
    owner = text(row.get("managedDeviceOwnerType"))
    return ManagedDevice(
        id=text(row.get("id")),
        name=text(row.get("deviceName")) or text(row.get("id")),
        operating_system=text(row.get("operatingSystem")),
        ownership="company" if owner == _OWNERS[0] else "personal" if owner == _OWNERS[1] else "unknown",
        state=state,
        last_seen=when(row.get("lastSyncDateTime")),
        raw=row,
    )
