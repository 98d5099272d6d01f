"""`cloud.unshare_snapshot`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.cloud._guards import aws
from tenantry.task import Change, Context, Impact, Task

SnapshotRef = Annotated[str, Field(min_length=1, max_length=100, description="Id of the snapshot")]


class UnshareSnapshotParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    snapshot: SnapshotRef
    account: Annotated[
        str, Field(pattern=r"^(\d{12}|all)$", description="Account that it is shared with; all: everybody")
    ]


class UnshareSnapshot(Task[UnshareSnapshotParams]):
    """Share one snapshot with one account no longer.

    Answers ATT&CK T1537 (transfer data to cloud account). What was copied while it was shared is gone for good: that is said, never undone.
    https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modifying-snapshot-permissions.html
    """

    name = "cloud.unshare_snapshot"
    needs = ("cloud",)
    permissions = (
        aws("ec2:DescribeSnapshots", "ec2:DescribeLockedSnapshots"),
        aws("ec2:DescribeSnapshotAttribute", "ec2:ModifySnapshotAttribute"),
    )
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = UnshareSnapshotParams

    async def check(self, ctx: Context, p: UnshareSnapshotParams) -> list[Change]:
        path = f"snapshot/{p.snapshot}/shared_with:{p.account}"
        if not ctx.seen(path, p.account in await ctx.cloud.snapshot_shares(p.snapshot)):
            return []
        return [Change(path=path, before=True, after=False)]

    async def apply(self, ctx: Context, p: UnshareSnapshotParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.cloud.set_snapshot_share(p.snapshot, p.account, False)

    async def undo(self, ctx: Context, p: UnshareSnapshotParams, changes: list[Change]) -> None:
        for _ in changes:
            if p.account not in await ctx.cloud.snapshot_shares(p.snapshot):
                await ctx.cloud.set_snapshot_share(p.snapshot, p.account, True)
