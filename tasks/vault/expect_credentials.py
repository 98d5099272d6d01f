"""`vault.expect_credentials`"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.human._text import Duration, Reminders, clean, reminders
from tenantry.errors import StepError
from tenantry.names import Slug
from tenantry.runbook.model import parse_duration
from tenantry.task import Context, HumanAnswer, HumanRequest, HumanTask

NOBODY = "nobody answered"
"""The answer that stands when the time is over, where the runbook goes on without."""


class Credential(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=256, description="Under which it will lie in the vault")]
    kind: Annotated[
        Literal["password", "text", "file"],
        Field(description="password: one line; text: several lines, a key say; file: a certificate, say"),
    ] = "password"
    title: Annotated[str, Field(max_length=120, description="As the contact reads it; the name when left out")] = ""


class ExpectCredentialsParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    contact: Annotated[Slug, Field(description="Id or role of the client's contact who is to hand them over")]
    expect: Annotated[list[Credential], Field(min_length=1, max_length=32, description="What is expected")]
    expires_in: Annotated[Duration, Field(description="How long the run waits")] = "7d"
    remind_after: Reminders = []
    needed: Annotated[
        bool,
        Field(
            description="false: that they are not to be had, or that nobody answers in time, is an answer like another (output.answer)"
        ),
    ] = True


class ExpectCredentials(HumanTask[ExpectCredentialsParams]):
    """Wait until the client has handed over credentials.

    An engineer makes the link with `tenantry vault drop --run RUN`; when the last credential is there the run goes on by itself, and
    ``output.by`` says from whom. Who stored them in another way answers the question: yes goes on, no is a failure of the step. With
    ``needed: false`` no, and silence until the end, are answers that the runbook goes on with.
    """

    name = "vault.expect_credentials"
    Params = ExpectCredentialsParams

    def request(self, ctx: Context, p: ExpectCredentialsParams) -> HumanRequest:
        lines = [f"- {clean(one.title or one.name)}" for one in p.expect]
        intro = (
            f"Waiting for credentials from {p.contact}. `tenantry vault drop --run {ctx.run.run_id}` makes the link for them; "
            "the run goes on by itself when the last one is there."
        )
        return HumanRequest(
            question="\n".join([intro, *lines]),
            role="engineer",
            yes="received",
            no="not to be had",
            expires_in=parse_duration(p.expires_in),
            owner=f"contact {p.contact}",
            remind_after=reminders(p.remind_after),
            silence=None if p.needed else NOBODY,
        )

    def accept(self, request: HumanRequest, answer: HumanAnswer) -> None:
        if answer.answer != request.yes and request.silence is None:
            raise StepError(
                f"{answer.by} reports that the credentials are not to be had",
                remedy="Read the reason in the record, agree with the client on another way, then resume the run.",
            )
