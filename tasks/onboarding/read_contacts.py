"""`onboarding.read_contacts`"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.onboarding._desk import desk
from tenantry.clock import rfc3339
from tenantry.errors import StepError
from tenantry.task import Context, NoParams, Output, ReadTask


class ContactRead(BaseModel):
    """``verified_at``: when they last proved themselves with their code; None: not since it was given to them."""

    model_config = ConfigDict(extra="forbid")
    contact: str
    role: str
    enrolled: bool
    verified_at: str | None


class ContactsRead(Output):
    primary: str
    primary_verified: bool
    contacts: list[ContactRead]


class ReadContacts(ReadTask[NoParams, ContactsRead]):
    """Say who of the client's contacts can prove who they are, and whether the primary contact has done so."""

    name = "onboarding.read_contacts"
    needs = ("onboarding",)
    Output = ContactsRead

    async def read(self, ctx: Context, p: NoParams) -> ContactsRead:  # noqa: ARG002  # it has none
        verified = {one.contact: one for one in await desk(ctx).contacts()}
        found = []
        for contact in ctx.subject.get("contacts") or ():
            one = verified.get(contact["id"])
            at = rfc3339(one.verified_at) if one is not None and one.verified_at is not None else None
            found.append(
                ContactRead(contact=contact["id"], role=contact["role"], enrolled=one is not None, verified_at=at)
            )
        primary = next((one for one in found if one.role == "primary"), None)
        if primary is None:
            raise StepError(
                f"nobody is the primary contact of {ctx.run.tenant}",
                remedy="Name one under `contacts` in the tenant's file, then resume the run.",
            )
        return ContactsRead(primary=primary.contact, primary_verified=primary.verified_at is not None, contacts=found)
