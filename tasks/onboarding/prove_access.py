"""`onboarding.prove_access`"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.onboarding._desk import desk
from tenantry.errors import CannotCheck, NotVerified
from tenantry.names import Slug
from tenantry.task import Context, Output, ReadTask


class ProveAccessParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    provider: Annotated[Slug, Field(description="The provider's name in the tenant's file")]


class TooMuch(BaseModel):
    """A right that no runbook needs as it is; ``instead``: what of it is needed."""

    model_config = ConfigDict(extra="forbid")
    name: str
    instead: list[str]


class AccessProven(Output):
    """What a system grants us. ``untried``: it shows in use alone; ``planned``: in a plan, what is not there yet.

    ``granted`` and ``missing`` are None where the vendor does not say. ``excess`` is a finding: more than any runbook needs.
    """

    provider: str
    vendor: str
    state: Literal["works", "untried", "planned"]
    granted: int | None
    missing: list[str] | None
    excess: list[TooMuch]
    problems: list[str]


class ProveAccess(ReadTask[ProveAccessParams, AccessProven]):
    """Sign in to one of the client's systems, and record the rights that we have there: what is missing, and what is too much."""

    name = "onboarding.prove_access"
    needs = ("onboarding",)
    timeout = 120.0
    Params = ProveAccessParams
    Output = AccessProven

    async def read(self, ctx: Context, p: ProveAccessParams) -> AccessProven:
        found = await desk(ctx).access(p.provider)
        why = "; ".join(found.problems)[:1000] or "no reason given"
        if found.state == "unreachable":
            lead = ":" if found.away else " does not answer, so nothing is known of our access:"
            raise CannotCheck(
                f"{p.provider}{lead} {why}",
                remedy="Start another onboarding when it does: what stands is not done again.",
            )
        if found.state in ("lacking", "refused") and ctx.run.mode != "plan":
            lacking = ", ".join(one.name for one in found.credentials if one.version is None)
            raise NotVerified(
                f"{p.provider} has no credential yet ({lacking})" if lacking else f"{p.provider} refuses us: {why}",
                remedy="Start another onboarding when it is there: what stands is not done again.",
            )
        return AccessProven(
            provider=found.provider,
            vendor=found.vendor,
            state="planned" if found.state in ("lacking", "refused") else found.state,
            granted=found.granted,
            missing=None if found.missing is None else list(found.missing),
            excess=[TooMuch(name=one.name, instead=list(one.instead)) for one in found.excess],
            problems=[problem[:500] for problem in found.problems[:20]],
        )
