"""`cloud.start_trail`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.cloud._guards import aws
from tenantry.errors import TargetNotFound
from tenantry.task import Change, Context, Impact, Task


class StartTrailParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    trail: Annotated[str, Field(min_length=1, max_length=300, description="Name or resource name of the trail")]


class StartTrail(Task[StartTrailParams]):
    """Have a trail record again that an attacker stopped.

    Answers ATT&CK T1562.008 (disable cloud logs). What was not recorded meanwhile is only in the vendor's own 90 days.
    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StartLogging.html
    """

    name = "cloud.start_trail"
    needs = ("cloud_logs",)
    permissions = (
        aws(
            "cloudtrail:DescribeTrails",
            "cloudtrail:GetTrailStatus",
            "cloudtrail:StartLogging",
            "cloudtrail:StopLogging",
        ),
    )
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = StartTrailParams

    async def check(self, ctx: Context, p: StartTrailParams) -> list[Change]:
        for trail in await ctx.cloud_logs.trails():
            if p.trail in (trail.id, trail.name):
                path = f"trail/{trail.id}/recording"
                return [] if ctx.seen(path, trail.recording) else [Change(path=path, before=False, after=True)]
        raise TargetNotFound(f"there is no trail {p.trail}: an attacker may have deleted it")

    async def apply(self, ctx: Context, p: StartTrailParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.cloud_logs.set_recording(p.trail, True)

    async def undo(self, ctx: Context, p: StartTrailParams, changes: list[Change]) -> None:
        for change in changes:
            for trail in await ctx.cloud_logs.trails():
                if p.trail in (trail.id, trail.name) and trail.recording != change.before:
                    await ctx.cloud_logs.set_recording(p.trail, bool(change.before))
