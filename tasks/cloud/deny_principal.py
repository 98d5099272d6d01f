"""`cloud.deny_principal`"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.cloud._guards import FIND, GUARD, PrincipalRef, aws, principal_guards
from tenantry.errors import Conflict
from tenantry.task import Change, Context, Impact, Task


class DenyPrincipalParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    principal: PrincipalRef


class DenyPrincipal(Task[DenyPrincipalParams]):
    """Deny everything to one user or role, whatever else allows it; sessions under way are bound by it too.

    Answers ATT&CK T1078.004 and T1136.003 (an account of the attacker's own). An explicit deny wins over every allow.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """

    name = "cloud.deny_principal"
    needs = ("cloud_identity",)
    permissions = (
        FIND,
        aws("iam:GetUserPolicy", "iam:GetRolePolicy", "iam:PutUserPolicy", "iam:PutRolePolicy"),
        aws("iam:DeleteUserPolicy", "iam:DeleteRolePolicy"),
        GUARD,
    )
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = DenyPrincipalParams

    async def check(self, ctx: Context, p: DenyPrincipalParams) -> list[Change]:
        path = f"{(await ctx.cloud_identity.principal(p.principal)).ref}/denied"
        if ctx.seen(path, await ctx.cloud_identity.denied(p.principal)):
            return []
        return [Change(path=path, before=False, after=True)]

    async def apply(self, ctx: Context, p: DenyPrincipalParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.cloud_identity.set_denied(p.principal, True)

    async def undo(self, ctx: Context, p: DenyPrincipalParams, changes: list[Change]) -> None:
        for change in changes:
            present = await ctx.cloud_identity.denied(p.principal)
            if present == change.before:
                continue
            if present != change.after:
                raise Conflict(f"{p.principal} is neither as this run left it nor as it was")
            await ctx.cloud_identity.set_denied(p.principal, False)

    async def guard(self, ctx: Context, p: DenyPrincipalParams) -> list[str]:
        return await principal_guards(ctx, p.principal)
