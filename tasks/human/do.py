"""`human.do`"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tenantry.errors import StepError
from tenantry.task import Context, HumanAnswer, HumanRequest, HumanTask


class DoParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    instruction: Annotated[str, Field(min_length=1, max_length=4000, description="What the person is to do")]
    role: Annotated[str, Field(description="Who may do it")] = "engineer"
    expires_in: Annotated[timedelta, Field(gt=timedelta(0), description="How long there is for it")] = timedelta(
        days=14
    )


class Do(HumanTask[DoParams]):
    """Ask a person to do something that the platform cannot, and to say when it is done.

    The reason given with the answer is the record of what was done. "Could not be done" is a failure of the step, never a
    quiet success.
    """

    name = "human.do"
    Params = DoParams

    def request(self, ctx: Context, p: DoParams) -> HumanRequest:  # noqa: ARG002  # the task is all in the parameters
        return HumanRequest(
            question=p.instruction, role=p.role, yes="done", no="could not be done", expires_in=p.expires_in
        )

    def accept(self, request: HumanRequest, answer: HumanAnswer) -> None:
        if not answer.affirmative:
            raise StepError(
                f"{answer.by} reports that it could not be done: {request.question}",
                remedy="Read the reason in the record, remove the obstacle, then resume the run.",
            )
