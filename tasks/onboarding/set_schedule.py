"""`onboarding.set_schedule`"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from tasks.onboarding._desk import desk
from tasks.onboarding._fields import are_back, differing, put_back, set_fields
from tenantry.task import Change, Context, Impact, Task

SWEEP_HOURS: Final = 24
ROTATE_DAYS: Final = 180
"""What is set where neither the file nor the run says: a sweep a day, a new credential twice a year."""


class SetScheduleParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    sweep_every_hours: Annotated[
        int | None, Field(ge=1, le=720, description="Hours between two sweeps; none: as the file says, else a day")
    ] = None
    rotate_every_days: Annotated[
        int | None,
        Field(
            ge=1, le=3_650, description="Days after which credentials are due; none: as the file says, else half a year"
        ),
    ] = None


class SetSchedule(Task[SetScheduleParams]):
    """Write into the client's file how often they are swept and when credentials are due; the service begins both by that.

    What the file says already stays, unless the run says otherwise.
    """

    name = "onboarding.set_schedule"
    needs = ("onboarding",)
    impact = Impact.REVERSIBLE
    timeout = 30.0
    Params = SetScheduleParams

    async def check(self, ctx: Context, p: SetScheduleParams) -> list[Change]:
        hours = p.sweep_every_hours or await desk(ctx).field("sweep", "every_hours") or SWEEP_HOURS
        days = p.rotate_every_days or await desk(ctx).field("rotation", "every_days") or ROTATE_DAYS
        return [
            *await differing(ctx, "sweep", {"every_hours": hours}),
            *await differing(ctx, "rotation", {"every_days": days}),
        ]

    async def apply(self, ctx: Context, p: SetScheduleParams, changes: list[Change]) -> None:  # noqa: ARG002  # all is in the changes
        await set_fields(ctx, changes)

    async def undo(self, ctx: Context, p: SetScheduleParams, changes: list[Change]) -> None:  # noqa: ARG002  # likewise
        await put_back(ctx, changes)

    async def verify_undone(self, ctx: Context, p: SetScheduleParams, changes: list[Change]) -> bool:  # noqa: ARG002  # likewise
        return await are_back(ctx, changes)
