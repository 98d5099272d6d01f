"""`offboarding.prove_dead`"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.offboarding._desk import desk
from tenantry.errors import CannotCheck, NotVerified
from tenantry.names import Slug
from tenantry.task import Context, Output, ReadTask


class ProveDeadParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    provider: Annotated[Slug, Field(description="The provider's name in the tenant's file, or in estate.yaml")]


class AccessDead(Output):
    """``ended``: a service cannot try it, the vendor's list says that it is over; ``untried``: it shows in use alone, and a person answers for it;
    ``planned``: in a plan, where nothing was removed."""

    provider: str
    state: Literal["refused", "ended", "untried", "planned"]


class ProveDead(ReadTask[ProveDeadParams, AccessDead]):
    """Try everything that we signed in with at one system: all of it must be refused, by a service that answers."""

    name = "offboarding.prove_dead"
    needs = ("offboarding",)
    timeout = 120.0
    Params = ProveDeadParams
    Output = AccessDead

    async def read(self, ctx: Context, p: ProveDeadParams) -> AccessDead:
        found = await desk(ctx).tried(p.provider)
        if found.state in ("refused", "ended", "untried"):
            return AccessDead(provider=p.provider, state=found.state)
        if ctx.run.mode == "plan":
            return AccessDead(provider=p.provider, state="planned")
        if found.state == "works":
            named = f" ({', '.join(found.alive)})" if found.alive else ""
            raise NotVerified(
                f"{p.provider} still lets us in{named}",
                remedy="Have it removed there, then resume the run: nothing is deleted or attested while it works.",
            )
        raise CannotCheck(
            f"whether {p.provider} refuses us is not known: {found.why or 'no reason given'}",
            remedy="A service that does not answer, or is in trouble, has refused nothing. Resume the run when it answers.",
        )
