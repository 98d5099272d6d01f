"""`cloud.lock_snapshot`"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks._times import at_or_after, text
from tasks.cloud._guards import aws
from tenantry.task import Change, Context, Impact, Task


class LockSnapshotParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    snapshot: Annotated[str, Field(min_length=1, max_length=100, description="Id of the snapshot")]
    days: Annotated[int, Field(ge=1, le=3650, description="How long nobody can delete it, from the start of the run")]


class LockSnapshot(Task[LockSnapshotParams]):
    """Lock one snapshot in compliance mode: until then nobody can delete it, neither an attacker nor the client nor the vendor.

    Answers ATT&CK T1485 and T1490. It is paid for until it expires, and nothing shortens it.
    https://docs.aws.amazon.com/ebs/latest/userguide/ebs-snapshot-lock.html
    """

    name = "cloud.lock_snapshot"
    needs = ("cloud",)
    permissions = (aws("ec2:DescribeSnapshots", "ec2:DescribeLockedSnapshots", "ec2:LockSnapshot"),)
    impact = Impact.IRREVERSIBLE
    no_undo = "Compliance mode cannot be lifted by anybody before it expires."
    Params = LockSnapshotParams

    async def check(self, ctx: Context, p: LockSnapshotParams) -> list[Change]:
        path = f"snapshot/{p.snapshot}/locked_until"
        present = (await ctx.cloud.snapshot(p.snapshot)).locked_until
        until = ctx.run.started_at.replace(microsecond=0) + timedelta(days=p.days)
        if path in ctx.planned or at_or_after(present, until):
            return []
        return [Change(path=path, before=text(present), after=text(until))]

    async def apply(self, ctx: Context, p: LockSnapshotParams, changes: list[Change]) -> None:
        for _ in changes:
            until = ctx.run.started_at.replace(microsecond=0) + timedelta(days=p.days)
            await ctx.cloud.lock_snapshot(p.snapshot, until)
