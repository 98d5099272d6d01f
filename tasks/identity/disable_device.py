"""`identity.disable_device`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import GUARD_PERMISSIONS, account_guards
from tenantry.errors import Conflict, TargetNotFound
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class DisableDeviceParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    device_id: Annotated[str, Field(min_length=1, description="Object id of the one device to disable")]


class DisableDevice(Task[DisableDeviceParams]):
    """Disable one device that an attacker registered, so that its tokens no longer count.

    Answers ATT&CK T1098.005 (device registration). Disabled rather than deleted: the object is evidence. A device that is
    gone counts as disabled. https://learn.microsoft.com/graph/api/device-update
    """

    name = "identity.disable_device"
    needs = ("identity",)
    permissions = (Permission(vendor="microsoft365", names=("Device.ReadWrite.All",)), GUARD_PERMISSIONS)
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = DisableDeviceParams

    async def check(self, ctx: Context, p: DisableDeviceParams) -> list[Change]:
        try:
            device = await ctx.identity.device(p.device_id)
        except TargetNotFound:
            return []
        path = f"device/{device.id}/enabled"
        return [Change(path=path, before=True, after=False)] if ctx.seen(path, device.enabled) else []

    async def apply(self, ctx: Context, p: DisableDeviceParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.identity.set_device_enabled(p.device_id, False)

    async def undo(self, ctx: Context, p: DisableDeviceParams, changes: list[Change]) -> None:
        for change in changes:
            try:
                present = (await ctx.identity.device(p.device_id)).enabled
            except TargetNotFound as exc:
                raise Conflict(f"the device {p.device_id} was deleted since") from exc
            if present == change.before:
                continue
            if present != change.after:
                raise Conflict(f"the device {p.device_id} is neither as this run left it nor as it was")
            await ctx.identity.set_device_enabled(p.device_id, bool(change.before))

    async def guard(self, ctx: Context, p: DisableDeviceParams) -> list[str]:
        return await account_guards(ctx, p.account)
