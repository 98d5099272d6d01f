"""`incident.open_incident`"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tenantry.clock import rfc3339
from tenantry.names import Slug
from tenantry.task import Change, Context, Impact, Task


class OpenIncidentParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    runbook: Annotated[Slug, Field(description="What is run")]
    params: Annotated[dict[str, Any], Field(description="With what")]
    findings: Annotated[list[str], Field(max_length=1_000, description="Ids of the findings that call for it")]
    run_ids: Annotated[
        list[str],
        Field(min_length=1, max_length=1_000, description="Ids of which one run at most is opened: the first"),
    ]
    since: Annotated[
        AwareDatetime | None,
        Field(description="Up to when was looked: what another sweep opened later for one of the findings is the same"),
    ] = None


class OpenIncident(Task[OpenIncidentParams]):
    """Open a run of another runbook for the same tenant, once.

    The run stands in the record with what opened it, and asks a person before its first effect. Nothing of the tenant is changed.
    """

    name = "incident.open_incident"
    needs = ("incidents",)
    impact = Impact.REVERSIBLE
    no_undo = "A run that was opened stays in the record; cancel it (`tenantry cancel RUN`)."
    Params = OpenIncidentParams

    async def check(self, ctx: Context, p: OpenIncidentParams) -> list[Change]:
        path = f"run/{p.run_ids[0]}/opened"
        if ctx.seen(path, await ctx.capability("incidents").opened(p.run_ids, p.findings, p.since)):
            return []
        return [Change(path=path, before=None, after=p.runbook)]

    async def apply(self, ctx: Context, p: OpenIncidentParams, changes: list[Change]) -> None:
        for _ in changes:
            because: dict[str, Any] = {
                **{"run": ctx.run.run_id, "runbook": ctx.run.runbook},
                **{"findings": p.findings, "run_ids": p.run_ids},
            }
            if p.since is not None:
                because["since"] = rfc3339(p.since)
            await ctx.capability("incidents").open(p.run_ids[0], p.runbook, p.params, because)
