"""`human.do`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.human._text import About, Duration, Reminders, reminders, with_lines
from tenantry.errors import StepError
from tenantry.names import Role
from tenantry.runbook.model import parse_duration
from tenantry.task import Context, HumanAnswer, HumanRequest, HumanTask


class DoParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    instruction: Annotated[str, Field(min_length=1, max_length=4000, description="What the person is to do")]
    about: About = []
    role: Annotated[Role, Field(description="Who may do it")] = "engineer"
    expires_in: Annotated[Duration, Field(description="How long there is for it")] = "14d"
    remind_after: Reminders = []


class Do(HumanTask[DoParams]):
    """Ask a person to do something that the platform cannot, and to say when it is done.

    The reason given with the answer is the record of what was done. "Could not be done" is a failure of the step, never a
    quiet success.
    """

    name = "human.do"
    Params = DoParams

    def request(self, ctx: Context, p: DoParams) -> HumanRequest:  # noqa: ARG002  # all is in the parameters
        return HumanRequest(
            question=with_lines(p.instruction, p.about),
            role=p.role,
            yes="done",
            no="could not be done",
            expires_in=parse_duration(p.expires_in),
            remind_after=reminders(p.remind_after),
        )

    def accept(self, request: HumanRequest, answer: HumanAnswer) -> None:
        if answer.answer != request.yes:
            raise StepError(
                f"{answer.by} reports that it could not be done",
                remedy="Read the reason in the record, remove the obstacle, then resume the run.",
            )
