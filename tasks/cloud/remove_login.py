"""`cloud.remove_login`"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks._times import text
from tasks.cloud._guards import FIND, GUARD, PrincipalRef, aws, principal_guards
from tenantry.task import Change, Context, Impact, Task


class RemoveLoginParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    principal: PrincipalRef


class RemoveLogin(Task[RemoveLoginParams]):
    """Take the console password of one user away.

    Answers ATT&CK T1136.003. A console session under way lives on for up to twelve hours: `cloud.deny_principal` or `cloud.cut_sessions` ends
    what it may do. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteLoginProfile.html
    """

    name = "cloud.remove_login"
    needs = ("cloud_identity",)
    permissions = (FIND, aws("iam:GetLoginProfile", "iam:DeleteLoginProfile"), GUARD)
    impact = Impact.REVERSIBLE
    no_undo = "The old password is not known to anybody but its owner; a person gives a new one."
    removes_foothold = True
    Params = RemoveLoginParams

    async def check(self, ctx: Context, p: RemoveLoginParams) -> list[Change]:
        login = await ctx.cloud_identity.login(p.principal)
        if login is None or not ctx.seen(path := f"{login.owner}/login", True):
            return []
        return [Change(path=path, before={"created_at": text(login.created_at)}, after=False)]

    async def apply(self, ctx: Context, p: RemoveLoginParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.cloud_identity.remove_login(p.principal)

    async def guard(self, ctx: Context, p: RemoveLoginParams) -> list[str]:
        return await principal_guards(ctx, p.principal)
