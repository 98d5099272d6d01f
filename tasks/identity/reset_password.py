"""`identity.reset_password`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks._times import at_or_after, text
from tasks.identity._guards import GUARD_PERMISSIONS, account_guards
from tenantry.errors import MasteredOnPremises
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class ResetPasswordParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    change_at_next_sign_in: Annotated[bool, Field(description="The person must choose a new one at first use")] = True


class ResetPassword(Task[ResetPasswordParams]):
    """Give one account a random password that only the tenant's vault knows.

    Answers ATT&CK T1078.004. The password is made and kept by the vault under a name of this run and account, so an
    interrupted step repeats with the same one; it is never returned, shown or recorded, only its reference is. A reset
    made by this run is recognised by its time; an older or a stranger's change never counts as ours.

    An account synced from Active Directory is refused (``mastered_on_premises``): its password is set on premises.
    https://learn.microsoft.com/graph/api/user-update (passwordProfile)
    """

    name = "identity.reset_password"
    needs = ("identity", "secrets")
    permissions = (
        Permission(vendor="microsoft365", names=("User-PasswordProfile.ReadWrite.All", "User.Read.All")),
        GUARD_PERMISSIONS,
    )
    impact = Impact.DISRUPTIVE
    no_undo = "The old password is not known to anybody but its owner and the attacker; the person gets the new one."
    Params = ResetPasswordParams

    async def check(self, ctx: Context, p: ResetPasswordParams) -> list[Change]:
        account = await ctx.identity.account(p.account)
        path = f"user/{account.id}/password"
        if path in ctx.planned:
            return []
        if ctx.intent_at is not None and at_or_after(account.last_password_change, ctx.intent_at):
            return []
        if account.synced:
            raise MasteredOnPremises(
                f"the password of {account.upn} is mastered in Active Directory",
                remedy="Reset the password in Active Directory and let it sync, then confirm the human step.",
            )
        reference = ctx.secrets.reference(_secret(ctx, account.id))
        return [
            Change(
                path=path,
                before=f"last changed {text(account.last_password_change) or 'at an unknown time'}",
                after=f"set by this run, kept as {reference}",
            )
        ]

    async def apply(self, ctx: Context, p: ResetPasswordParams, changes: list[Change]) -> None:
        for change in changes:
            # The account's id from the listed change: the same vault entry whether the parameter was a name or an id.
            account_id = change.path.split("/")[1]
            password = await ctx.secrets.generate_password(_secret(ctx, account_id))
            await ctx.identity.reset_password(account_id, password, change_at_next_sign_in=p.change_at_next_sign_in)

    async def verify(self, ctx: Context, p: ResetPasswordParams, changes: list[Change]) -> list[Change]:
        # Moved since it was read is proof, whatever the vendor's clock says beside ours.
        changed_at = (await ctx.identity.account(p.account)).last_password_change
        seen = f"last changed {text(changed_at) or 'at an unknown time'}"
        return [change for change in changes if changed_at is None or seen == change.before]

    async def guard(self, ctx: Context, p: ResetPasswordParams) -> list[str]:
        return await account_guards(ctx, p.account)


def _secret(ctx: Context, account_id: str) -> str:
    return f"runs/{ctx.run.run_id}/{account_id}/password"
