"""`identity.remove_method`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import GUARD_PERMISSIONS, account_guards
from tenantry.errors import StepError
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task

PASSWORD = "passwordMethods"  # noqa: S105  # the vendor's name of a collection, not a password


class RemoveMethodParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    method_id: Annotated[str, Field(min_length=1, description="Id of the one method to remove")]


class RemoveMethod(Task[RemoveMethodParams]):
    """Remove one authentication method that an attacker registered, and leave the person's own.

    Answers ATT&CK T1098.005 and T1556.006 (methods added to an account). The password is not a method that can be removed:
    `identity.reset_password`. https://learn.microsoft.com/graph/api/resources/authenticationmethods-overview
    """

    name = "identity.remove_method"
    needs = ("identity",)
    permissions = (
        Permission(vendor="microsoft365", names=("UserAuthenticationMethod.ReadWrite.All", "User.Read.All")),
        GUARD_PERMISSIONS,
    )
    impact = Impact.REVERSIBLE
    no_undo = "Its secret lies on the device that registered it; the person registers the method again."
    removes_foothold = True
    Params = RemoveMethodParams

    async def check(self, ctx: Context, p: RemoveMethodParams) -> list[Change]:
        account = await ctx.identity.account(p.account)
        # Ids of telephones are the same for every account: the path must name the account too.
        path = f"user/{account.id}/method:{p.method_id}"
        for method in await ctx.identity.methods(p.account):
            if method.id != p.method_id:
                continue
            if method.kind == PASSWORD:
                raise StepError("a password cannot be removed", remedy="Use identity.reset_password.")
            if not ctx.seen(path, True):
                return []
            return [Change(path=path, before={"kind": method.kind, "label": method.label}, after=False)]
        return []

    async def apply(self, ctx: Context, p: RemoveMethodParams, changes: list[Change]) -> None:
        for change in changes:
            await ctx.identity.remove_method(p.account, change.before["kind"], p.method_id)

    async def guard(self, ctx: Context, p: RemoveMethodParams) -> list[str]:
        return await account_guards(ctx, p.account)
