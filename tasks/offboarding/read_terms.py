"""`offboarding.read_terms`"""

from __future__ import annotations

from tasks.human._text import clean
from tasks.offboarding._desk import desk
from tenantry.errors import InvalidTenant
from tenantry.task import Context, NoParams, Output, ReadTask


class TermsRead(Output):
    """What was agreed for the end. ``choice``: delete, return, return_then_delete; ``deletes``: it ends in deletion."""

    client: str
    choice: str
    hands_over: bool
    deletes: bool
    contact: str
    contact_name: str
    place: str
    recipients: list[str]
    by_hand: list[str]
    summary: list[str]


class ReadTerms(ReadTask[NoParams, TermsRead]):
    """Read what was agreed for the end of the relationship, and who decides for the client."""

    name = "offboarding.read_terms"
    needs = ("offboarding",)
    Output = TermsRead

    async def read(self, ctx: Context, p: NoParams) -> TermsRead:  # noqa: ARG002  # it has none
        found = await desk(ctx).terms()
        file = f"tenants/{ctx.run.tenant}.yaml"
        if found.choice is None:
            raise InvalidTenant(
                f"{file} does not say what becomes of the client's data (agreement.on_termination)",
                remedy="Look it up in the agreement, write it there, and resume the run: nobody assumes it.",
            )
        if not found.contact:
            raise InvalidTenant(
                f"{file} has no contact who decides for the client (offboarding.contact)",
                remedy="Name one, give them a code of their own (`tenantry contacts enroll`), and resume the run.",
            )
        if not found.enrolled:
            raise InvalidTenant(
                f"{found.contact} has no code, so nobody can prove that they decide for the client",
                remedy=f"`tenantry contacts enroll {ctx.run.tenant} {found.contact}`, on a way known before; then resume the run.",
            )
        hands_over = found.choice != "delete"
        if hands_over and not found.place:
            raise InvalidTenant(
                f"{file} does not say where the client's data goes (offboarding.deliver_to)",
                remedy="Agree on a place with the client, write it there, and resume the run.",
            )
        summary = [
            f"{found.client} leaves; their data is {_WORDS[found.choice]}",
            f"the agreement ends on {found.ends_on.isoformat() if found.ends_on else 'a day that is not recorded'}",
            f"what must be kept is kept for {found.retention_days} days" if found.retention_days is not None else "",
            f"handed over to {found.place}" if hands_over else "nothing is handed over",
            f"credentials sealed to {', '.join(found.recipients)}" if hands_over and found.recipients else "",
            *(f"kept: {one.what} ({one.law}, until {one.until.isoformat()})" for one in found.retained),
        ]
        return TermsRead(
            client=found.client,
            choice=found.choice,
            hands_over=hands_over,
            deletes=found.choice != "return",
            contact=found.contact,
            contact_name=found.contact_name,
            place=found.place,
            recipients=list(found.recipients),
            by_hand=list(found.by_hand),
            summary=[clean(line) for line in summary if line],
        )


_WORDS = {
    "delete": "deleted",
    "return": "handed over, and deleted here as far as nothing keeps it",
    "return_then_delete": "handed over, then deleted",
}
