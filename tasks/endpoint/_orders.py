"""What retiring and wiping have in common: an order that a device obeys when it next asks for orders."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tenantry.capabilities import DeviceState
from tenantry.errors import TargetNotFound
from tenantry.task import AccountRef, Change, Context, Permission

PERMISSIONS = Permission(
    vendor="microsoft365",
    names=("DeviceManagementManagedDevices.Read.All", "DeviceManagementManagedDevices.PrivilegedOperations.All"),
)


class OrderParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    device_id: Annotated[str, Field(min_length=1, description="Id of the one device, as the management has it")]


async def wanted(ctx: Context, p: OrderParams, *states: DeviceState) -> list[Change]:
    """What brings the device to the first of ``states``; nothing, where it is in one of them, or has obeyed and is gone."""
    try:
        device = await ctx.capability("managed_devices").device(p.device_id)
    except TargetNotFound:
        return []
    path = f"managed_device/{device.id}/state"
    if ctx.seen(path, device.state) in states:
        return []
    return [Change(path=path, before=device.state, after=states[0])]
