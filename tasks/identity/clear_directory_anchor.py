"""`identity.clear_directory_anchor`"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.identity._guards import GUARD_PERMISSIONS, account_guards
from tenantry.errors import Conflict, MasteredOnPremises
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class ClearDirectoryAnchorParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef


class ClearDirectoryAnchor(Task[ClearDirectoryAnchorParams]):
    """Forget which account of Active Directory one was synced from (Entra's ImmutableId), so that no later sync takes it up again; undo writes it back.

    The vendor takes it while nothing is synced to the account alone: one that still is comes first out of the sync's scope, on premises, and ends here with
    ``mastered_on_premises``. https://learn.microsoft.com/graph/api/user-update
    """

    name = "identity.clear_directory_anchor"
    needs = ("identity",)
    permissions = (Permission(vendor="microsoft365", names=("User.ReadWrite.All",)), GUARD_PERMISSIONS)
    impact = Impact.REVERSIBLE
    Params = ClearDirectoryAnchorParams

    async def check(self, ctx: Context, p: ClearDirectoryAnchorParams) -> list[Change]:
        account = await ctx.identity.account(p.account)
        path = f"user/{account.id}/directory_anchor"
        present = ctx.seen(path, await ctx.identity.directory_anchor(account.id))
        if present is None:
            return []
        if account.synced:
            raise MasteredOnPremises(
                f"{account.upn} is synced from Active Directory, and keeps its anchor as long as it is",
                remedy="Take the account out of the sync's scope in Active Directory, let it sync, then resume.",
            )
        return [Change(path=path, before=present, after=None)]

    async def apply(self, ctx: Context, p: ClearDirectoryAnchorParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.identity.set_directory_anchor(p.account, None)

    async def undo(self, ctx: Context, p: ClearDirectoryAnchorParams, changes: list[Change]) -> None:
        for change in changes:
            present = await ctx.identity.directory_anchor(p.account)
            if present == change.before:
                continue
            if present is not None:
                raise Conflict(f"{p.account} was tied to another account of Active Directory since")
            await ctx.identity.set_directory_anchor(p.account, change.before)

    async def guard(self, ctx: Context, p: ClearDirectoryAnchorParams) -> list[str]:
        return await account_guards(ctx, p.account)
