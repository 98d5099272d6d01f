"""`cloud.cut_sessions`"""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from tasks._times import at_or_after, text
from tasks.cloud._guards import FIND, GUARD, PrincipalRef, aws, principal_guards
from tenantry.errors import Conflict
from tenantry.task import Change, Context, Impact, Task

MARGIN = timedelta(minutes=1)
"""By how much the moment lies ahead: the vendor's clock and ours differ, and the write takes its time."""


class CutSessionsParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    principal: PrincipalRef


class CutSessions(Task[CutSessionsParams]):
    """Refuse every session of one user or role that was begun before now.

    Answers ATT&CK T1550.001: a deactivated key does not end sessions that were begun with it, nor a changed trust those of a role. Whoever is
    entitled begins a new session and works on. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html
    """

    name = "cloud.cut_sessions"
    needs = ("cloud_identity",)
    permissions = (
        FIND,
        aws("iam:GetUserPolicy", "iam:GetRolePolicy", "iam:PutUserPolicy", "iam:PutRolePolicy"),
        aws("iam:DeleteUserPolicy", "iam:DeleteRolePolicy"),
        GUARD,
    )
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = CutSessionsParams

    async def check(self, ctx: Context, p: CutSessionsParams) -> list[Change]:
        path = f"{(await ctx.cloud_identity.principal(p.principal)).ref}/sessions_valid_from"
        present = await ctx.cloud_identity.sessions_cut(p.principal)
        wanted = ctx.intent_at or ctx.run.started_at
        if path in ctx.planned or at_or_after(present, wanted):
            return []
        return [Change(path=path, before=text(present), after=f"at or after {text(ctx.run.started_at)}")]

    async def apply(self, ctx: Context, p: CutSessionsParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.cloud_identity.cut_sessions(p.principal, max(ctx.now, ctx.intent_at or ctx.now) + MARGIN)

    async def undo(self, ctx: Context, p: CutSessionsParams, changes: list[Change]) -> None:
        for change in changes:
            present = await ctx.cloud_identity.sessions_cut(p.principal)
            if text(present) == change.before:
                continue
            if change.before is not None:
                raise Conflict(
                    f"sessions of {p.principal} were cut before this run too; the earlier moment is not put back"
                )
            await ctx.cloud_identity.allow_sessions(p.principal)

    async def verify_undone(self, ctx: Context, p: CutSessionsParams, changes: list[Change]) -> bool:
        present: datetime | None = await ctx.cloud_identity.sessions_cut(p.principal)
        return all(text(present) == change.before for change in changes)

    async def guard(self, ctx: Context, p: CutSessionsParams) -> list[str]:
        return await principal_guards(ctx, p.principal)
