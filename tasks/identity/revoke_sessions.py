"""`identity.revoke_sessions`"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks._times import at_or_after, text
from tasks.identity._guards import GUARD_PERMISSIONS, account_guards
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class RevokeSessionsParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    not_before: Annotated[
        AwareDatetime | None,
        Field(
            description="Sessions older than this must be dead; the start of the run when that is later or none given"
        ),
    ] = None


class RevokeSessions(Task[RevokeSessionsParams]):
    """End every session of one account, so that nothing stolen can be renewed.

    Answers ATT&CK T1539 (stolen session cookie) and T1550.001 (stolen tokens). Refresh tokens and cookies die; access
    tokens already issued live on for up to an hour where the tenant has no continuous access evaluation, and the report
    says so. https://learn.microsoft.com/graph/api/user-revokesigninsessions
    """

    name = "identity.revoke_sessions"
    needs = ("identity",)
    permissions = (
        Permission(vendor="microsoft365", names=("User.RevokeSessions.All", "User.Read.All")),
        GUARD_PERMISSIONS,
    )
    impact = Impact.REVERSIBLE
    no_undo = "Ended sessions cannot be brought back; the person signs in again."
    Params = RevokeSessionsParams

    async def check(self, ctx: Context, p: RevokeSessionsParams) -> list[Change]:
        account = await ctx.identity.account(p.account)
        path = f"user/{account.id}/sessions_valid_from"
        threshold = _threshold(ctx, p)
        if path in ctx.planned or at_or_after(account.sessions_valid_from, threshold):
            return []
        return [Change(path=path, before=text(account.sessions_valid_from), after=f"at or after {text(threshold)}")]

    async def apply(self, ctx: Context, p: RevokeSessionsParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.identity.revoke_sessions(p.account)

    async def verify(self, ctx: Context, p: RevokeSessionsParams, changes: list[Change]) -> list[Change]:
        # Moved since it was read is proof, whatever the vendor's clock says beside ours.
        present = text((await ctx.identity.account(p.account)).sessions_valid_from)
        return [change for change in changes if present is None or present == change.before]

    async def guard(self, ctx: Context, p: RevokeSessionsParams) -> list[str]:
        return await account_guards(ctx, p.account)


def _threshold(ctx: Context, p: RevokeSessionsParams) -> datetime:
    return max(ctx.run.started_at, p.not_before) if p.not_before else ctx.run.started_at
