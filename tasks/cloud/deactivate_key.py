"""`cloud.deactivate_key`"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.cloud._guards import GUARD, KEYS, KeyRef, aws, key_guards
from tenantry.errors import Conflict
from tenantry.task import Change, Context, Impact, Task


class DeactivateKeyParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    key: KeyRef


class DeactivateKey(Task[DeactivateKeyParams]):
    """Deactivate one access key, and keep it: it is evidence.

    Answers ATT&CK T1552 (unsecured credentials) and T1098.001 (additional cloud credentials). Sessions that were begun with the key live on:
    `cloud.cut_sessions` ends them. https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html
    """

    name = "cloud.deactivate_key"
    needs = ("cloud_identity",)
    permissions = (KEYS, aws("iam:UpdateAccessKey"), GUARD)
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = DeactivateKeyParams

    async def check(self, ctx: Context, p: DeactivateKeyParams) -> list[Change]:
        path = f"access_key/{p.key}/active"
        if not ctx.seen(path, (await ctx.cloud_identity.key(p.key)).active):
            return []
        return [Change(path=path, before=True, after=False)]

    async def apply(self, ctx: Context, p: DeactivateKeyParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.cloud_identity.set_key_active(p.key, False)

    async def undo(self, ctx: Context, p: DeactivateKeyParams, changes: list[Change]) -> None:
        for change in changes:
            present = (await ctx.cloud_identity.key(p.key)).active
            if present == change.before:
                continue
            if present != change.after:
                raise Conflict(f"the key {p.key} is neither as this run left it nor as it was")
            await ctx.cloud_identity.set_key_active(p.key, bool(change.before))

    async def guard(self, ctx: Context, p: DeactivateKeyParams) -> list[str]:
        return await key_guards(ctx, p.key)
