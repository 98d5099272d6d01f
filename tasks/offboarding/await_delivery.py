"""`offboarding.await_delivery`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.human._text import About, Duration, Reminders, reminders, with_lines
from tenantry.errors import StepError
from tenantry.runbook.model import parse_duration
from tenantry.task import Context, HumanAnswer, HumanRequest, HumanTask


class AwaitDeliveryParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    place: Annotated[str, Field(max_length=2000, description="Where the package goes, as people read it")]
    about: About = []
    expires_in: Annotated[Duration, Field(description="How long the run waits")] = "30d"
    remind_after: Reminders = []


class AwaitDelivery(HumanTask[AwaitDeliveryParams]):
    """Wait until the hand-over was put together and delivered.

    An engineer begins it with `tenantry offboarding deliver`, on the machine that holds the vault: no run may read all secrets of a
    client. When every byte was read back the run goes on by itself. Whether it was is looked up afterwards (`offboarding.read_delivery`).
    """

    name = "offboarding.await_delivery"
    Params = AwaitDeliveryParams

    def request(self, ctx: Context, p: AwaitDeliveryParams) -> HumanRequest:
        return HumanRequest(
            question=with_lines(
                f"`tenantry offboarding deliver {ctx.run.run_id}` puts everything together and delivers it to {p.place}.",
                p.about,
            ),
            role="engineer",
            yes="delivered",
            no="could not be delivered",
            expires_in=parse_duration(p.expires_in),
            remind_after=reminders(p.remind_after),
        )

    def accept(self, request: HumanRequest, answer: HumanAnswer) -> None:
        if answer.answer != request.yes:
            raise StepError(
                f"{answer.by} reports that it could not be delivered",
                remedy="Read the reason in the record, agree with the client on another place, then resume the run.",
            )
