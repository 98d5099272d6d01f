"""`offboarding.ask_contact`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.human._text import About, Duration, Reminders, reminders, with_lines
from tenantry.errors import ApprovalDenied, NotVerified
from tenantry.names import Slug
from tenantry.runbook.model import parse_duration
from tenantry.task import Context, HumanAnswer, HumanRequest, HumanTask


class AskContactParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    contact: Annotated[Slug, Field(description="Id of the client's contact whose word it takes")]
    question: Annotated[str, Field(min_length=1, max_length=2000, description="What they are asked")]
    about: About = []
    manifest: Annotated[
        str, Field(pattern=r"^(?:[0-9a-f]{64})?$", description="Digest of a package that they accept; none: an order")
    ] = ""
    expires_in: Annotated[Duration, Field(description="How long the question stands")] = "30d"
    remind_after: Reminders = []


class AskContact(HumanTask[AskContactParams]):
    """Wait for the word of the client's own contact, given with their own code.

    They give it with `tenantry offboarding word`. Nobody of the MSP can give it for them: another answer is a failure of the step, and
    the next attempt asks again. Their no is one, too; `output.by` names the contact.
    """

    name = "offboarding.ask_contact"
    Params = AskContactParams

    def request(self, ctx: Context, p: AskContactParams) -> HumanRequest:
        lines = [*p.about, f"the package's manifest, SHA-256: {p.manifest}"] if p.manifest else p.about
        more = f" --manifest {p.manifest}" if p.manifest else ""
        question = f"{p.question.strip()}\n`tenantry offboarding word {ctx.run.run_id} {ctx.run.step}{more}` takes their answer."
        return HumanRequest(
            question=with_lines(question, lines),
            role="engineer",
            yes="agreed",
            no="refused",
            expires_in=parse_duration(p.expires_in),
            owner=f"contact {p.contact}",
            remind_after=reminders(p.remind_after),
        )

    def accept(self, request: HumanRequest, answer: HumanAnswer) -> None:
        if answer.by != request.owner:
            raise NotVerified(
                f"this is the client's to decide, and {answer.by} is not {request.owner}",
                remedy="Resume the run: it asks again, and takes the contact's own word (`tenantry offboarding word`).",
            )
        if answer.answer != request.yes:
            raise ApprovalDenied(
                f"{answer.by} refused: {answer.reason or 'no reason given'}",
                remedy="Nothing is deleted. Settle it with the client, then resume the run, which asks again; or cancel it.",
            )
