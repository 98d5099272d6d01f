"""`endpoint.wipe_device`"""

from __future__ import annotations

from tasks.endpoint._orders import PERMISSIONS, OrderParams, wanted
from tasks.identity._guards import GUARD_PERMISSIONS, account_guards
from tenantry.task import Change, Context, Impact, Task


class WipeDevice(Task[OrderParams]):
    """Order one phone or computer to reset itself to the state in which it was delivered: everything on it is lost, its owner's as well.

    Done is the order. The device obeys when it next asks for orders, and is not listed any more from then on; `endpoint.collect_devices` says
    which have not. https://learn.microsoft.com/graph/api/intune-devices-manageddevice-wipe
    """

    name = "endpoint.wipe_device"
    needs = ("managed_devices", "identity")
    permissions = (PERMISSIONS, GUARD_PERMISSIONS)
    impact = Impact.IRREVERSIBLE
    no_undo = "What was on the device is gone."
    Params = OrderParams

    async def check(self, ctx: Context, p: OrderParams) -> list[Change]:
        return await wanted(ctx, p, "wiping")

    async def apply(self, ctx: Context, p: OrderParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.capability("managed_devices").wipe(p.device_id)

    async def guard(self, ctx: Context, p: OrderParams) -> list[str]:
        return await account_guards(ctx, p.account)
