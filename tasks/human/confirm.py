"""`human.confirm`"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tenantry.task import Context, HumanRequest, HumanTask


class ConfirmParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    question: Annotated[str, Field(min_length=1, max_length=2000, description="What the person is asked")]
    role: Annotated[str, Field(description="Who may answer")] = "engineer"
    yes: Annotated[str, Field(min_length=1, max_length=80, description="What approving means")] = "yes"
    no: Annotated[str, Field(min_length=1, max_length=80, description="What denying means")] = "no"
    expires_in: Annotated[timedelta, Field(gt=timedelta(0), description="How long the question stands")] = timedelta(
        days=7
    )
    four_eyes: Annotated[bool, Field(description="Not to be answered by who started the run")] = False


class Confirm(HumanTask[ConfirmParams]):
    """Ask a person a question; both answers are fine, and later steps read ``output.answer`` (``yes`` or ``no``)."""

    name = "human.confirm"
    Params = ConfirmParams

    def request(self, ctx: Context, p: ConfirmParams) -> HumanRequest:  # noqa: ARG002  # the question is all in the parameters
        return HumanRequest(
            question=p.question, role=p.role, yes=p.yes, no=p.no, expires_in=p.expires_in, four_eyes=p.four_eyes
        )
