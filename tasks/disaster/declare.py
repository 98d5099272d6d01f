"""`disaster.declare`"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.human._text import About, with_lines
from tenantry.errors import StepError
from tenantry.task import Context, HumanAnswer, HumanRequest, HumanTask

_WORDS = {
    "disaster": "Declare a disaster and begin to recover these systems?",
    "failback": "Declare the failback and bring these systems back to their primary site?",
    "rehearsal": "Begin to rehearse the recovery of these systems on scratch targets?",
    "rehearsed": "Say that the rehearsal is over?",
    "service": "Declare that service is back?",
}


class DeclareParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    only: Annotated[
        list[str], Field(min_length=1, max_length=50, description="Who may declare, by id, as the plan names them")
    ]
    verb: Annotated[
        Literal["disaster", "failback", "rehearsal", "rehearsed", "service"], Field(description="What is declared")
    ] = "disaster"
    about: About = []


class Declare(HumanTask[DeclareParams]):
    """Have one of the people whom the plan names declare: that it is a disaster, that systems go back, or that service is back.

    Their code proves who they are, and the answer is the determination that the record keeps. Somebody else's answer is refused and recorded, and the
    question stays open. A "no" begins nothing: the run pauses, and asks again when it is resumed.
    """

    name = "disaster.declare"
    Params = DeclareParams

    def request(self, ctx: Context, p: DeclareParams) -> HumanRequest:  # noqa: ARG002  # all is in the parameters
        return HumanRequest(
            question=with_lines(_WORDS[p.verb], p.about),
            role="engineer",
            yes="declared",
            no="not declared",
            expires_in=timedelta(days=7),
            remind_after=(timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4)),
            only=tuple(p.only),
        )

    def accept(self, request: HumanRequest, answer: HumanAnswer) -> None:
        if answer.answer != request.yes:
            raise StepError(
                f"{answer.by} did not declare it",
                remedy="Cancel the run; or resume it, and it asks again.",
            )
