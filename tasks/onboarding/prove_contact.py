"""`onboarding.prove_contact`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.onboarding._desk import desk
from tenantry.clock import rfc3339
from tenantry.errors import NotVerified
from tenantry.names import Slug
from tenantry.task import Context, Output, ReadTask


class ProveContactParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    contact: Annotated[Slug, Field(description="Id of the client's contact")]


class ContactProven(Output):
    """``verified_at`` is None in a plan alone, where somebody would do it."""

    contact: str
    verified_at: str | None


class ProveContact(ReadTask[ProveContactParams, ContactProven]):
    """See that a contact has proven themselves with the code that they were given: that they have it, and not that it was sent."""

    name = "onboarding.prove_contact"
    needs = ("onboarding",)
    Params = ProveContactParams
    Output = ContactProven

    async def read(self, ctx: Context, p: ProveContactParams) -> ContactProven:
        one = next((one for one in await desk(ctx).contacts() if one.contact == p.contact), None)
        if one is not None and one.verified_at is not None:
            return ContactProven(contact=p.contact, verified_at=rfc3339(one.verified_at))
        if ctx.run.mode == "plan":
            return ContactProven(contact=p.contact, verified_at=None)
        what = "has no code yet" if one is None else "has not shown the code that they were given"
        raise NotVerified(
            f"{p.contact} {what}",
            remedy=f"`tenantry contacts enroll`, then `tenantry verify-caller {ctx.run.tenant} {p.contact} --purpose onboarding`; "
            "then resume the run.",
        )
