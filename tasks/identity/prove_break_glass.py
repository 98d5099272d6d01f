"""`identity.prove_break_glass`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import GUARD_PERMISSIONS, LAST_WAY_IN
from tenantry.errors import NotVerified, TargetNotFound
from tenantry.task import AccountRef, Context, Output, ReadTask


class ProveBreakGlassParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    accounts: Annotated[list[AccountRef], Field(min_length=1, max_length=10, description="The emergency accounts")]


class EmergencyAccount(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: str
    usable: bool
    why_not: list[str]


class ProvenBreakGlass(Output):
    usable: list[str]
    accounts: list[EmergencyAccount]


class ProveBreakGlass(ReadTask[ProveBreakGlassParams, ProvenBreakGlass]):
    """See that at least one emergency account could be signed in with when everything else fails: there, enabled, of the cloud alone, Global Administrator for good.

    It is read and never signed in with: that is a person's, with what lies in the safe. That Conditional Access leaves them out, the sweep for compliance says.
    https://learn.microsoft.com/entra/identity/role-based-access-control/security-emergency-access
    """

    name = "identity.prove_break_glass"
    needs = ("identity",)
    permissions = (GUARD_PERMISSIONS,)
    Params = ProveBreakGlassParams
    Output = ProvenBreakGlass

    async def read(self, ctx: Context, p: ProveBreakGlassParams) -> ProvenBreakGlass:
        rows = [await _looked_at(ctx, account) for account in p.accounts]
        usable = [row.account for row in rows if row.usable]
        if not usable and ctx.run.mode != "plan":
            said = "; ".join(f"{row.account}: {', '.join(row.why_not)}" for row in rows)
            raise NotVerified(
                f"no emergency account could be used: {said}"[:1_000],
                remedy="Set one up as Microsoft says, name it under break_glass_accounts, and try it.",
            )
        return ProvenBreakGlass(usable=usable, accounts=rows)


async def _looked_at(ctx: Context, name: str) -> EmergencyAccount:
    try:
        account = await ctx.identity.account(name)
    except TargetNotFound:
        return EmergencyAccount(account=name, usable=False, why_not=["it is not there"])
    roles = await ctx.identity.roles(account.id)
    wrong = [
        *(["it is disabled"] if not account.enabled else []),
        *(["it is mastered in Active Directory, which may be what is down"] if account.synced else []),
        *(["it is no Global Administrator"] if not any(held.role == LAST_WAY_IN for held in roles) else []),
    ]
    return EmergencyAccount(account=account.upn, usable=not wrong, why_not=wrong)
