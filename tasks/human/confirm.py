"""`human.confirm`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.human._text import About, Duration, Reminders, reminders, with_lines
from tenantry.names import Role
from tenantry.runbook.model import parse_duration
from tenantry.task import Context, HumanRequest, HumanTask


class ConfirmParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    question: Annotated[str, Field(min_length=1, max_length=2000, description="What the person is asked")]
    about: About = []
    role: Annotated[Role, Field(description="Who may answer")] = "engineer"
    yes: Annotated[str, Field(min_length=1, max_length=80, description="What approving means")] = "yes"
    no: Annotated[str, Field(min_length=1, max_length=80, description="What denying means")] = "no"
    expires_in: Annotated[Duration, Field(description="How long the question stands")] = "7d"
    remind_after: Reminders = []
    silence: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=80,
            description="The answer that stands when nobody gave one in time; none: a failure",
        ),
    ] = None
    four_eyes: Annotated[bool, Field(description="Not to be answered by who started the run")] = False


class Confirm(HumanTask[ConfirmParams]):
    """Ask a person a question; both answers are fine.

    Later steps read ``output.answer`` (the label of what was chosen: ``yes`` or ``no`` unless the runbook names others),
    ``output.by`` and ``output.at``. Where ``silence`` names one, that is the answer, of nobody, when the time is over.
    """

    name = "human.confirm"
    Params = ConfirmParams

    def request(self, ctx: Context, p: ConfirmParams) -> HumanRequest:  # noqa: ARG002  # all is in the parameters
        return HumanRequest(
            question=with_lines(p.question, p.about),
            role=p.role,
            yes=p.yes,
            no=p.no,
            expires_in=parse_duration(p.expires_in),
            remind_after=reminders(p.remind_after),
            four_eyes=p.four_eyes,
            silence=p.silence,
        )
