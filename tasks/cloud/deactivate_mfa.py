"""`cloud.deactivate_mfa`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks._times import text
from tasks.cloud._guards import FIND, GUARD, PrincipalRef, aws, principal_guards
from tenantry.task import Change, Context, Impact, Task


class DeactivateMfaParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    principal: PrincipalRef
    device: Annotated[str, Field(min_length=1, max_length=300, description="Serial number of the one device")]


class DeactivateMfa(Task[DeactivateMfaParams]):
    """Deactivate one second factor that an attacker registered, and leave the person's own.

    Answers ATT&CK T1556.006. https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeactivateMFADevice.html
    """

    name = "cloud.deactivate_mfa"
    needs = ("cloud_identity",)
    permissions = (FIND, aws("iam:ListMFADevices", "iam:DeactivateMFADevice"), GUARD)
    impact = Impact.REVERSIBLE
    no_undo = "Its secret lies on the device; whoever has that registers it again."
    removes_foothold = True
    Params = DeactivateMfaParams

    async def check(self, ctx: Context, p: DeactivateMfaParams) -> list[Change]:
        for device in await ctx.cloud_identity.mfa_devices(p.principal):
            path = f"{device.owner}/mfa:{p.device}"
            if device.id == p.device and ctx.seen(path, True):
                return [Change(path=path, before={"enabled_at": text(device.enabled_at)}, after=False)]
        return []

    async def apply(self, ctx: Context, p: DeactivateMfaParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.cloud_identity.deactivate_mfa(p.principal, p.device)

    async def guard(self, ctx: Context, p: DeactivateMfaParams) -> list[str]:
        return await principal_guards(ctx, p.principal)
