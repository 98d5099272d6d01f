"""`endpoint.retire_device`"""

from __future__ import annotations

from tasks.endpoint._orders import PERMISSIONS, OrderParams, wanted
from tasks.identity._guards import GUARD_PERMISSIONS, account_guards
from tenantry.task import Change, Context, Impact, Task


class RetireDevice(Task[OrderParams]):
    """Order one phone or computer to remove the organisation's data and to leave its management; what is its owner's stays.

    Done is the order. The device obeys when it next asks for orders, and is not listed any more from then on; `endpoint.collect_devices` says
    which have not. https://learn.microsoft.com/graph/api/intune-devices-manageddevice-retire
    """

    name = "endpoint.retire_device"
    needs = ("managed_devices", "identity")
    permissions = (PERMISSIONS, GUARD_PERMISSIONS)
    impact = Impact.DISRUPTIVE
    no_undo = "A device that left the management is enrolled anew by who has it in their hands."
    Params = OrderParams

    async def check(self, ctx: Context, p: OrderParams) -> list[Change]:
        return await wanted(ctx, p, "retiring", "wiping")

    async def apply(self, ctx: Context, p: OrderParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.capability("managed_devices").retire(p.device_id)

    async def guard(self, ctx: Context, p: OrderParams) -> list[str]:
        return await account_guards(ctx, p.account)
