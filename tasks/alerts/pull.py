"""`alerts.pull`"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.cloud._guards import aws
from tenantry.capabilities.intake import Pulled
from tenantry.errors import CannotCheck
from tenantry.task import Context, Output, Permission, ReadTask


class PullParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    first_hours: Annotated[
        int, Field(ge=1, le=720, description="How far back a provider is asked that was never asked before, in hours")
    ] = 24


class PulledAlerts(Output):
    new: int
    sources: list[Pulled]


class Pull(ReadTask[PullParams, PulledAlerts]):
    """Fetch the alerts that the tenant's own systems list, and accept those that are new.

    A provider that could not be asked fails the step after the others were asked; what was read is kept, and asked for again next time.
    """

    name = "alerts.pull"
    needs = ("intake",)
    permissions = (
        Permission(vendor="microsoft365", names=("SecurityAlert.Read.All", "SecurityIncident.Read.All")),
        aws("guardduty:ListDetectors", "guardduty:ListFindings", "guardduty:GetFindings"),
        aws("securityhub:DescribeHub", "securityhub:GetFindings"),
    )
    timeout = 600.0
    Params = PullParams
    Output = PulledAlerts

    async def read(self, ctx: Context, p: PullParams) -> PulledAlerts:
        found = await ctx.capability("intake").pull(ctx.run.started_at, timedelta(hours=p.first_hours))
        problems = [f"{one.source}: {one.problem}" for one in found if one.problem]
        if problems:
            raise CannotCheck("; ".join(problems)[:1_000])
        if not found:
            raise CannotCheck("no provider of this client lists alerts")
        return PulledAlerts(new=sum(one.new for one in found), sources=found)
