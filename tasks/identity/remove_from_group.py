"""`identity.remove_from_group`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import GUARD_PERMISSIONS, account_guards
from tenantry.capabilities import Membership
from tenantry.errors import StepError
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class RemoveFromGroupParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    group_id: Annotated[str, Field(min_length=1, description="Object id of the group")]


class RemoveFromGroup(Task[RemoveFromGroupParams]):
    """Take one account out of one group; undo puts it back.

    With the membership end the rights that the account has through the group, on mailboxes too. A group whose members a rule decides, that Active Directory keeps,
    or that carries roles is refused by name and never counts as left. https://learn.microsoft.com/graph/api/group-delete-members,
    https://learn.microsoft.com/powershell/module/exchange/remove-distributiongroupmember
    """

    name = "identity.remove_from_group"
    needs = ("identity", "entitlements")
    permissions = (
        Permission(vendor="microsoft365", names=("Exchange.ManageAsApp", "GroupMember.ReadWrite.All", "User.Read.All")),
        GUARD_PERMISSIONS,
    )
    impact = Impact.REVERSIBLE
    Params = RemoveFromGroupParams

    async def check(self, ctx: Context, p: RemoveFromGroupParams) -> list[Change]:
        account = await ctx.identity.account(p.account)
        found = await _find(ctx, account.id, p.group_id)
        path = f"user/{account.id}/group:{p.group_id}"
        if found is None or not ctx.seen(path, True):
            return []
        if found.fixed is not None:
            raise StepError(
                f"{account.upn} cannot be taken out of {found.name} here: {found.fixed}",
                remedy="Take the account out where the group is kept, and say so in the record.",
            )
        return [Change(path=path, before={"group": found.name}, after=None)]

    async def apply(self, ctx: Context, p: RemoveFromGroupParams, changes: list[Change]) -> None:
        for change in changes:
            await ctx.capability("entitlements").remove_membership(_account(change), p.group_id)

    async def undo(self, ctx: Context, p: RemoveFromGroupParams, changes: list[Change]) -> None:
        for change in changes:
            if await _find(ctx, _account(change), p.group_id) is None:
                await ctx.capability("entitlements").add_membership(_account(change), p.group_id)

    async def guard(self, ctx: Context, p: RemoveFromGroupParams) -> list[str]:
        return await account_guards(ctx, p.account)


async def _find(ctx: Context, account_id: str, group_id: str) -> Membership | None:
    held: list[Membership] = await ctx.capability("entitlements").memberships(account_id)
    return next((one for one in held if one.group_id == group_id), None)


def _account(change: Change) -> str:
    return change.path.split("/")[1]
