"""`risks.find_overdue`"""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

from tenantry.capabilities import Risks
from tenantry.task import Context, NoParams, Output, ReadTask

_MOST: Final = 20


class Overdue(BaseModel):
    """A risk that nobody looked at on its day."""

    model_config = ConfigDict(extra="forbid")
    risk: str
    title: str
    level: str
    owner: str
    """Who answers for it; ``nobody`` where nobody was named."""
    review_on: str
    days: int
    """How many days ago that was."""


class OverdueReviews(Output):
    """Reviews that nobody made, the heaviest risk first."""

    open: int
    """How many risks are open."""
    overdue: list[Overdue]
    overdue_total: int


class FindOverdue(ReadTask[NoParams, OverdueReviews]):
    """Name the open risks of the client whose day of review is past. The day itself is not: somebody may still look."""

    name = "risks.find_overdue"
    needs = ("risks",)
    timeout = 30.0
    Params = NoParams
    Output = OverdueReviews

    async def read(self, ctx: Context, p: NoParams) -> OverdueReviews:
        del p
        risks: Risks = ctx.capability("risks")
        held = (await risks.read(ctx.run.run_id)).open()
        today = ctx.now.date()
        late = [one for one in held if one.overdue(today)]
        return OverdueReviews(
            open=len(held),
            overdue=[
                Overdue(
                    risk=one.id,
                    title=one.title,
                    level=one.level.replace("_", " "),
                    owner=(one.owner or "nobody").rpartition(":")[2],
                    review_on=one.review_on.isoformat(),
                    days=(today - one.review_on).days,
                )
                for one in late[:_MOST]
            ],
            overdue_total=len(late),
        )
