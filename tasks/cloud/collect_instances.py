"""`cloud.collect_instances`"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tasks._rows import RowStore
from tasks.cloud._guards import aws
from tenantry.task import Context, EvidenceRef, NoParams, Output, ReadTask

MAX_LISTED = 2_000
"""Instances in the output, the youngest; all of them are in the evidence."""


class Machine(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    region: str
    kind: str
    state: str
    launched_at: datetime
    role: str
    groups: list[str]


class Machines(Output):
    total: int
    machines: list[Machine]
    """The youngest first."""
    evidence: list[EvidenceRef]


class CollectInstances(ReadTask[NoParams, Machines]):
    """Keep what machines the cloud account has, in every region of the tenant's file, as evidence."""

    name = "cloud.collect_instances"
    needs = ("cloud",)
    permissions = (aws("ec2:DescribeInstances"),)
    timeout = 300.0
    Params = NoParams
    Output = Machines

    async def read(self, ctx: Context, p: NoParams) -> Machines:  # noqa: ARG002  # there is nothing to choose
        rows = RowStore(ctx, "instances")
        found: list[Machine] = []
        async for instance in ctx.cloud.instances():
            await rows.add(instance.raw)
            found.append(
                Machine(
                    id=instance.id,
                    name=instance.name,
                    region=instance.region,
                    kind=instance.kind,
                    state=instance.state,
                    launched_at=instance.launched_at,
                    role=instance.role,
                    groups=sorted({group for each in instance.interfaces for group in each.groups}),
                )
            )
        found.sort(key=lambda machine: (machine.launched_at, machine.id), reverse=True)
        return Machines(total=rows.total, machines=found[:MAX_LISTED], evidence=await rows.close())
