"""`cloud.create_volume`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.cloud._guards import aws
from tasks.cloud._made import due, machines, ready, token
from tenantry.task import Change, Context, Impact, Task


class CreateVolumeParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    snapshot: Annotated[str, Field(pattern=r"^snap-[0-9a-f]{8,40}$", description="Id of the snapshot")]
    zone: Annotated[
        str,
        Field(pattern=r"^[a-z0-9-]{5,40}$", description="Availability zone of what it is attached to, eu-central-1a"),
    ]


class CreateVolume(Task[CreateVolumeParams]):
    """Make a volume out of a snapshot, beside what is there, once. It is attached by whoever has looked at it.

    NIST CSF 2.0, RC.RP-03. https://docs.aws.amazon.com/ebs/latest/userguide/ebs-restoring-volume.html
    """

    name = "cloud.create_volume"
    needs = ("cloud_machines",)
    permissions = (
        aws("ec2:DescribeVolumes", "ec2:DescribeInstances", "ec2:DescribeSnapshots", "ec2:CreateVolume"),
        aws("ec2:CreateTags", "ec2:DeleteVolume"),
    )
    impact = Impact.REVERSIBLE
    timeout = 60.0
    patience = 1800.0
    Params = CreateVolumeParams

    async def check(self, ctx: Context, p: CreateVolumeParams) -> list[Change]:
        return await due(ctx, f"snapshot/{p.snapshot}/volume:{token(ctx)}", p.snapshot)

    async def apply(self, ctx: Context, p: CreateVolumeParams, changes: list[Change]) -> None:
        for _ in changes:
            await machines(ctx).create_volume(p.snapshot, p.zone, token=token(ctx))

    async def verify(self, ctx: Context, p: CreateVolumeParams, changes: list[Change]) -> list[Change]:  # noqa: ARG002  # by token
        return [] if await ready(ctx, "the volume") else changes

    async def undo(self, ctx: Context, p: CreateVolumeParams, changes: list[Change]) -> None:  # noqa: ARG002  # by token
        for _ in changes:
            await machines(ctx).remove_made(token(ctx))
