"""`disaster.measure`"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tenantry.capabilities import Recorded
from tenantry.disaster.load import told
from tenantry.disaster.measure import Achieved, SystemPlan, achieved
from tenantry.task import Context, Output, ReadTask


class MeasureParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    systems: Annotated[list[SystemPlan], Field(max_length=200, description="What the plan promises for each system")]
    outage_began: Annotated[AwareDatetime, Field(description="What RTO and RPO are counted from")]
    detected_at: Annotated[AwareDatetime, Field(description="When it was seen what is down")]
    declared_at: Annotated[AwareDatetime, Field(description="When it was declared")]


class Measured(Output):
    systems: list[Achieved]
    recovered: list[str]
    not_shown: list[str]
    """Nobody has shown that these are back."""
    rto_missed: list[str]
    rpo_missed: list[str]
    lines: list[str]


class Measure(ReadTask[MeasureParams, Measured]):
    """Hold what was achieved against RTO and RPO, from the run's own record: each system's clock stops when its health checks held."""

    name = "disaster.measure"
    needs = ("recorded",)
    Params = MeasureParams
    Output = Measured

    async def read(self, ctx: Context, p: MeasureParams) -> Measured:
        recorded: Recorded = ctx.capability("recorded")
        run = await recorded.run(ctx.run.run_id)
        found = achieved(
            p.systems,
            run,
            outage_began=p.outage_began,
            detected_at=p.detected_at,
            declared_at=p.declared_at,
            now=ctx.now,
        )
        return Measured(
            systems=found,
            recovered=[one.id for one in found if one.state == "recovered"],
            not_shown=[one.id for one in found if one.state != "recovered"],
            rto_missed=[one.id for one in found if one.rto_kept is False],
            rpo_missed=[one.id for one in found if one.rpo_kept is False],
            lines=[_line(one) for one in found],
        )


def _line(one: Achieved) -> str:
    parts = [f"{one.title}: {'recovered' if one.state == 'recovered' else 'NOT SHOWN TO BE BACK'}"]
    if one.achieved_seconds is not None:
        kept = "kept" if one.rto_kept else "MISSED"
        parts.append(f"after {_time(one.achieved_seconds)}, RTO {_time(one.rto_seconds)} {kept}")
    if one.rpo_seconds is not None:
        lost = "not measured" if one.lost_seconds is None else f"lost {_time(one.lost_seconds)}"
        parts.append(f"{lost}, RPO {_time(one.rpo_seconds)}{' MISSED' if one.rpo_kept is False else ''}")
    return ", ".join([*parts, *one.exceptions])


def _time(seconds: float) -> str:
    return told(timedelta(seconds=round(seconds)))
