"""`cloud.restore_trust`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.cloud._documents import principals_of, without_principals
from tasks.cloud._guards import FIND, GUARD, PrincipalRef, aws, principal_guards
from tenantry.errors import Conflict
from tenantry.task import Change, Context, Impact, Task


class RestoreTrustParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: PrincipalRef
    principals: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=600)]],
        Field(
            min_length=1, max_length=50, description="Whom the role is not to trust, as they stand in its trust policy"
        ),
    ]


class RestoreTrust(Task[RestoreTrustParams]):
    """Take principals that an attacker put there out of a role's trust policy, and leave everybody else in it.

    Answers ATT&CK T1098.003 and T1484.002. Sessions begun through it live on: `cloud.cut_sessions`.
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAssumeRolePolicy.html
    """

    name = "cloud.restore_trust"
    needs = ("cloud_identity",)
    permissions = (FIND, aws("iam:UpdateAssumeRolePolicy"), GUARD)
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = RestoreTrustParams

    async def check(self, ctx: Context, p: RestoreTrustParams) -> list[Change]:
        path = f"{(await ctx.cloud_identity.principal(p.role)).ref}/trust"
        present = ctx.seen(path, await ctx.cloud_identity.trust(p.role))
        if not principals_of(present) & set(p.principals):
            return []
        return [Change(path=path, before=present, after=without_principals(present, p.principals))]

    async def apply(self, ctx: Context, p: RestoreTrustParams, changes: list[Change]) -> None:
        for change in changes:
            await ctx.cloud_identity.set_trust(p.role, change.after)

    async def undo(self, ctx: Context, p: RestoreTrustParams, changes: list[Change]) -> None:
        for change in changes:
            present = await ctx.cloud_identity.trust(p.role)
            if present == change.before:
                continue
            if present != change.after:
                raise Conflict(f"whom {p.role} trusts has changed since")
            await ctx.cloud_identity.set_trust(p.role, change.before)

    async def guard(self, ctx: Context, p: RestoreTrustParams) -> list[str]:
        return await principal_guards(ctx, p.role)
