"""`cloud.remove_policy`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.cloud._guards import FIND, GUARD, PrincipalRef, aws, principal_guards
from tenantry.errors import Conflict
from tenantry.task import Change, Context, Impact, Task


class RemovePolicyParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    principal: PrincipalRef
    policy: Annotated[
        str,
        Field(min_length=1, max_length=600, description="Name of an inline policy, resource name of an attached one"),
    ]


class RemovePolicy(Task[RemovePolicyParams]):
    """Take one policy that an attacker gave a principal away again: detach it, or remove it where it is inline.

    Answers ATT&CK T1098.003 (additional cloud roles). The policy itself stays where it was attached.
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_DetachUserPolicy.html
    """

    name = "cloud.remove_policy"
    needs = ("cloud_identity",)
    permissions = (
        FIND,
        aws("iam:ListUserPolicies", "iam:GetUserPolicy", "iam:ListAttachedUserPolicies"),
        aws("iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"),
        aws("iam:ListGroupPolicies", "iam:GetGroupPolicy", "iam:ListAttachedGroupPolicies"),
        aws("iam:GetPolicy", "iam:GetPolicyVersion", "iam:DeleteUserPolicy", "iam:DeleteRolePolicy"),
        aws("iam:DetachUserPolicy", "iam:DetachRolePolicy", "iam:AttachUserPolicy", "iam:AttachRolePolicy"),
        aws("iam:PutUserPolicy", "iam:PutRolePolicy", "iam:PutGroupPolicy", "iam:DeleteGroupPolicy"),
        aws("iam:AttachGroupPolicy", "iam:DetachGroupPolicy"),
        GUARD,
    )
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = RemovePolicyParams

    async def check(self, ctx: Context, p: RemovePolicyParams) -> list[Change]:
        ref = (await ctx.cloud_identity.principal(p.principal)).ref
        path = f"{ref}/policy:{p.policy}"
        for held in await ctx.cloud_identity.policies(p.principal):
            if held.id == p.policy and ctx.seen(path, True):
                document = held.document if held.kind == "inline" else None
                return [Change(path=path, before={"kind": held.kind, "document": document}, after=False)]
        return []

    async def apply(self, ctx: Context, p: RemovePolicyParams, changes: list[Change]) -> None:
        for change in changes:
            if change.before["kind"] == "inline":
                await ctx.cloud_identity.remove_policy(p.principal, p.policy)
            else:
                await ctx.cloud_identity.detach_policy(p.principal, p.policy)

    async def undo(self, ctx: Context, p: RemovePolicyParams, changes: list[Change]) -> None:
        for change in changes:
            held = {policy.id: policy for policy in await ctx.cloud_identity.policies(p.principal)}.get(p.policy)
            inline = change.before["kind"] == "inline"
            if held is not None:
                if inline and held.document != change.before["document"]:
                    raise Conflict(f"{p.principal} was given another policy called {p.policy} since")
                continue
            if inline:
                await ctx.cloud_identity.put_policy(p.principal, p.policy, change.before["document"])
            else:
                await ctx.cloud_identity.attach_policy(p.principal, p.policy)

    async def guard(self, ctx: Context, p: RemovePolicyParams) -> list[str]:
        return await principal_guards(ctx, p.principal)
