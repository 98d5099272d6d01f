"""`cloud.snapshot_volumes`"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.cloud._guards import aws
from tasks.cloud.isolate_instance import InstanceRef
from tenantry.task import Change, Context, Impact, Task


class SnapshotVolumesParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    instance: InstanceRef


class SnapshotVolumes(Task[SnapshotVolumesParams]):
    """Keep the disks of one instance as they are now, before anything is changed on them.

    A snapshot is not idempotent at the vendor: each carries run, step and item as a tag, is looked up by it first, and is made once.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSnapshot.html
    """

    name = "cloud.snapshot_volumes"
    needs = ("cloud",)
    permissions = (
        aws("ec2:DescribeInstances", "ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:DescribeLockedSnapshots"),
        aws("ec2:CreateSnapshot", "ec2:CreateTags", "ec2:DeleteSnapshot"),
    )
    impact = Impact.REVERSIBLE
    timeout = 30.0
    Params = SnapshotVolumesParams

    async def check(self, ctx: Context, p: SnapshotVolumesParams) -> list[Change]:
        changes = []
        for volume in (await ctx.cloud.instance(p.instance)).volumes:
            path = f"volume/{volume}/snapshot:{token(ctx)}"
            found = await ctx.cloud.snapshot_of(volume, token(ctx))
            if found is None and not ctx.seen(path, False):
                changes.append(Change(path=path, before=None, after=True))
        return changes

    async def apply(self, ctx: Context, p: SnapshotVolumesParams, changes: list[Change]) -> None:
        for change in changes:
            volume = change.path.split("/")[1]
            text = f"Evidence of {p.instance}, run {ctx.run.run_id}"
            await ctx.cloud.create_snapshot(volume, token=token(ctx), description=text)

    async def undo(self, ctx: Context, p: SnapshotVolumesParams, changes: list[Change]) -> None:  # noqa: ARG002  # by token
        for change in changes:
            found = await ctx.cloud.snapshot_of(change.path.split("/")[1], token(ctx))
            if found is not None:
                await ctx.cloud.delete_snapshot(found.id)


def token(ctx: Context) -> str:
    """Of the snapshots of this item, for ever."""
    return "/".join(part for part in (ctx.run.run_id, ctx.run.step, ctx.run.item) if part)
