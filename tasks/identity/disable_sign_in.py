"""`identity.disable_sign_in`"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.identity._guards import GUARD_PERMISSIONS, account_guards
from tenantry.errors import Conflict, MasteredOnPremises
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class DisableSignInParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef


class DisableSignIn(Task[DisableSignInParams]):
    """Block new sign-ins of one account.

    Answers ATT&CK T1078.004 (valid cloud accounts). Access tokens already issued live on for up to an hour where the
    tenant has no continuous access evaluation; `identity.revoke_sessions` ends the sessions that renew them.

    An account synced from Active Directory is blocked in the cloud all the same, since that helps at once, but the next
    directory sync may set it back: the step then ends with ``mastered_on_premises``, never as ``changed``, and a person
    disables the account on premises. https://learn.microsoft.com/graph/api/user-update
    """

    name = "identity.disable_sign_in"
    needs = ("identity",)
    permissions = (
        Permission(vendor="microsoft365", names=("User.EnableDisableAccount.All", "User.Read.All")),
        GUARD_PERMISSIONS,
    )
    impact = Impact.REVERSIBLE
    Params = DisableSignInParams

    async def check(self, ctx: Context, p: DisableSignInParams) -> list[Change]:
        account = await ctx.identity.account(p.account)
        path = f"user/{account.id}/enabled"
        if ctx.seen(path, account.enabled):
            return [Change(path=path, before=True, after=False)]
        if account.synced and ctx.intent_at is not None:
            # This run wrote it, so what is seen may be nothing but our own write that the next sync takes back.
            raise _until_next_sync(account.upn)
        return []

    async def apply(self, ctx: Context, p: DisableSignInParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.identity.set_enabled(p.account, False)

    async def verify(self, ctx: Context, p: DisableSignInParams, changes: list[Change]) -> list[Change]:
        account = await ctx.identity.account(p.account)
        if account.enabled:
            return changes
        if account.synced:
            raise _until_next_sync(account.upn)
        return []

    async def undo(self, ctx: Context, p: DisableSignInParams, changes: list[Change]) -> None:
        for change in changes:
            present = (await ctx.identity.account(p.account)).enabled
            if present == change.before:
                continue
            if present != change.after:
                raise Conflict(f"{p.account} is neither as this run left it nor as it was")
            await ctx.identity.set_enabled(p.account, bool(change.before))

    async def guard(self, ctx: Context, p: DisableSignInParams) -> list[str]:
        return await account_guards(ctx, p.account)


def _until_next_sync(upn: str) -> MasteredOnPremises:
    return MasteredOnPremises(
        f"{upn} is blocked in the cloud, but synced from Active Directory: the next sync may set it back",
        remedy="Disable the account in Active Directory, sync, and confirm the human step.",
    )
