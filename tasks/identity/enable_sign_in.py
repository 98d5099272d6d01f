"""`identity.enable_sign_in`"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.identity._guards import GUARD_PERMISSIONS, account_guards
from tenantry.errors import Conflict, MasteredOnPremises
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class EnableSignInParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef


class EnableSignIn(Task[EnableSignInParams]):
    """Let one account sign in again, after its person was verified.

    An account synced from Active Directory is enabled there, not here: nothing is written and the step says so
    (``mastered_on_premises``). https://learn.microsoft.com/graph/api/user-update
    """

    name = "identity.enable_sign_in"
    needs = ("identity",)
    permissions = (
        Permission(vendor="microsoft365", names=("User.EnableDisableAccount.All", "User.Read.All")),
        GUARD_PERMISSIONS,
    )
    impact = Impact.REVERSIBLE
    Params = EnableSignInParams

    async def check(self, ctx: Context, p: EnableSignInParams) -> list[Change]:
        account = await ctx.identity.account(p.account)
        path = f"user/{account.id}/enabled"
        if ctx.seen(path, account.enabled):
            return []
        if account.synced:
            raise MasteredOnPremises(
                f"{account.upn} is synced from Active Directory and must be enabled there",
                remedy="Enable the account in Active Directory and let it sync, then resume the run.",
            )
        return [Change(path=path, before=False, after=True)]

    async def apply(self, ctx: Context, p: EnableSignInParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.identity.set_enabled(p.account, True)

    async def undo(self, ctx: Context, p: EnableSignInParams, changes: list[Change]) -> None:
        for change in changes:
            present = (await ctx.identity.account(p.account)).enabled
            if present == change.before:
                continue
            if present != change.after:
                raise Conflict(f"{p.account} is neither as this run left it nor as it was")
            await ctx.identity.set_enabled(p.account, bool(change.before))

    async def guard(self, ctx: Context, p: EnableSignInParams) -> list[str]:
        return await account_guards(ctx, p.account)
