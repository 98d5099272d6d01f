"""`identity.remove_licence`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import GUARD_PERMISSIONS, account_guards
from tenantry.capabilities import Licence
from tenantry.errors import Conflict, StepError
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class RemoveLicenceParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    sku: Annotated[str, Field(min_length=1, description="Id of the licence (skuId)")]


class RemoveLicence(Task[RemoveLicenceParams]):
    """Take one licence from one account; undo gives it back with the same parts switched off.

    What the licence kept is deleted by the vendor 30 days later (a mailbox that was not made a shared one, files), so this is disruptive. A licence
    that comes through a group is refused by name. https://learn.microsoft.com/graph/api/user-assignlicense
    """

    name = "identity.remove_licence"
    needs = ("identity", "entitlements")
    permissions = (
        Permission(vendor="microsoft365", names=("LicenseAssignment.ReadWrite.All", "User.Read.All")),
        GUARD_PERMISSIONS,
    )
    impact = Impact.DISRUPTIVE
    Params = RemoveLicenceParams

    async def check(self, ctx: Context, p: RemoveLicenceParams) -> list[Change]:
        account = await ctx.identity.account(p.account)
        found = await _find(ctx, account.id, p.sku)
        path = f"user/{account.id}/licence:{p.sku}"
        if found is None or not ctx.seen(path, True):
            return []
        if found.from_groups:
            raise StepError(
                f"{found.name} comes to {account.upn} through a group",
                remedy="Take the account out of the group; the licence goes with it.",
            )
        return [
            Change(path=path, before={"name": found.name, "disabled_plans": list(found.disabled_plans)}, after=None)
        ]

    async def apply(self, ctx: Context, p: RemoveLicenceParams, changes: list[Change]) -> None:
        for change in changes:
            await ctx.capability("entitlements").remove_licence(change.path.split("/")[1], p.sku)

    async def undo(self, ctx: Context, p: RemoveLicenceParams, changes: list[Change]) -> None:
        for change in changes:
            account_id, wanted = change.path.split("/")[1], list(change.before["disabled_plans"])
            present = await _find(ctx, account_id, p.sku)
            if present is None:
                await ctx.capability("entitlements").add_licence(account_id, p.sku, wanted)
            elif list(present.disabled_plans) != wanted:
                raise Conflict(f"{p.account} was given {present.name} in another way since")

    async def guard(self, ctx: Context, p: RemoveLicenceParams) -> list[str]:
        return await account_guards(ctx, p.account)


async def _find(ctx: Context, account_id: str, sku: str) -> Licence | None:
    held: list[Licence] = await ctx.capability("entitlements").licences(account_id)
    return next((one for one in held if one.sku.lower() == sku.lower()), None)
