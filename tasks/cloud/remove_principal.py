"""`cloud.remove_principal`"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.cloud._guards import FIND, GUARD, KEYS, PrincipalRef, aws, principal_guards
from tenantry.errors import TargetNotFound
from tenantry.task import Change, Context, Impact, Task


class RemovePrincipalParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    principal: PrincipalRef


class RemovePrincipal(Task[RemovePrincipalParams]):
    """Delete one user or role that an attacker made, with all that hangs on it. What it was lies in the evidence.

    Answers ATT&CK T1136.003. Deny it first (`cloud.deny_principal`) and collect it (`cloud.read_principal`): deleting can wait, and its keys are
    evidence. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html
    """

    name = "cloud.remove_principal"
    needs = ("cloud_identity",)
    permissions = (
        FIND,
        KEYS,
        aws("iam:ListUserPolicies", "iam:GetUserPolicy", "iam:ListAttachedUserPolicies"),
        aws("iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"),
        aws("iam:ListGroupPolicies", "iam:GetGroupPolicy", "iam:ListAttachedGroupPolicies"),
        aws("iam:GetPolicy", "iam:GetPolicyVersion", "iam:DeleteUserPolicy", "iam:DeleteRolePolicy"),
        aws("iam:DeleteAccessKey", "iam:DeleteLoginProfile", "iam:ListMFADevices", "iam:DeactivateMFADevice"),
        aws("iam:ListGroupsForUser", "iam:RemoveUserFromGroup", "iam:ListInstanceProfilesForRole"),
        aws("iam:RemoveRoleFromInstanceProfile", "iam:DetachUserPolicy", "iam:DetachRolePolicy"),
        aws("iam:DeleteUser", "iam:DeleteRole"),
        GUARD,
    )
    impact = Impact.IRREVERSIBLE
    no_undo = "A principal made anew under the name has another id and other keys; what it was lies in the evidence."
    removes_foothold = True
    timeout = 30.0
    Params = RemovePrincipalParams

    async def check(self, ctx: Context, p: RemovePrincipalParams) -> list[Change]:
        try:
            found = await ctx.cloud_identity.principal(p.principal)
        except TargetNotFound:
            return []
        path = f"{found.ref}/exists"
        return [Change(path=path, before={"id": found.id}, after=False)] if ctx.seen(path, True) else []

    async def apply(self, ctx: Context, p: RemovePrincipalParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.cloud_identity.remove_principal(p.principal)

    async def guard(self, ctx: Context, p: RemovePrincipalParams) -> list[str]:
        try:
            return await principal_guards(ctx, p.principal)
        except TargetNotFound:
            return []
