"""`human.await_day`"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks.human._text import About, with_lines
from tenantry.clock import rfc3339
from tenantry.errors import StepError
from tenantry.names import Role
from tenantry.task import Context, HumanAnswer, HumanRequest, HumanTask

CAME: Final = "the day came"
_AT_ONCE: Final = timedelta(seconds=1)


class AwaitDayParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    at: Annotated[AwareDatetime, Field(description="When it goes on by itself; a time that is past is now")]
    about: About = []
    role: Annotated[Role, Field(description="Who may have it go on before, or call it off")] = "engineer"


class AwaitDay(HumanTask[AwaitDayParams]):
    """Wait for a day. When it comes the run goes on by itself; until then a person may have it go on at once, or call it off.

    ``output.answer`` says which: "the day came", or "now" and who said so. Calling it off is a failure of the step.
    """

    name = "human.await_day"
    Params = AwaitDayParams

    def request(self, ctx: Context, p: AwaitDayParams) -> HumanRequest:
        return HumanRequest(
            question=with_lines(f"This goes on by itself at {rfc3339(p.at)}. Yes: now. No: not at all.", p.about),
            role=p.role,
            yes="now",
            no="called off",
            expires_in=max(p.at - ctx.now, _AT_ONCE),
            silence=CAME,
        )

    def accept(self, request: HumanRequest, answer: HumanAnswer) -> None:
        if answer.answer == request.no:
            raise StepError(
                f"{answer.by} called it off: {answer.reason or 'no reason given'}",
                remedy="Nothing was changed. Cancel the run; begin another one for another day.",
            )
