"""`backup.restore_point`"""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from tasks._jobs import still_open
from tasks.backup._restore import OnePoint, name_of, token
from tasks.backup.find_point import LOOKS, READS
from tasks.cloud._guards import aws
from tenantry.capabilities import RestoreTarget
from tenantry.task import Change, Context, Impact, Task


class RestorePointParams(OnePoint):
    options: Annotated[
        dict[str, str], Field(default_factory=dict, description="The vendor's own: subnet, security group, role")
    ]
    at: Annotated[
        AwareDatetime | None,
        Field(description="Of a continuous point: the moment to go back to; the last one that there is when empty"),
    ] = None


class RestorePoint(Task[RestorePointParams]):
    """Restore one recovery point beside the original, once.

    The original stays as it is: evidence, and the way back. Putting what was restored in its place is a decision of people who have looked at
    it. NIST CSF 2.0, RC.RP-03. Watched for two hours.
    """

    name = "backup.restore_point"
    needs = ("backup",)
    permissions = (
        READS,
        LOOKS,
        aws("backup:GetRecoveryPointRestoreMetadata", "backup:StartRestoreJob", "backup:TagResource", "iam:PassRole"),
        aws("rds:RestoreDBInstanceFromDBSnapshot", "rds:AddTagsToResource"),
        aws("rds:RestoreDBInstanceToPointInTime", "rds:DeleteDBInstance", "ec2:DeleteVolume"),
    )
    impact = Impact.REVERSIBLE
    timeout = 60.0
    patience = 7200.0
    Params = RestorePointParams

    async def check(self, ctx: Context, p: RestorePointParams) -> list[Change]:
        path = f"recovery_point/{p.point}/restored"
        begun = await ctx.backup.job_of(token(ctx, p))
        done = begun is not None and (await ctx.backup.job(begun.id)).state == "completed"
        if ctx.seen(path, done):
            return []
        return [Change(path=path, before=False, after=name_of(ctx, p))]

    async def apply(self, ctx: Context, p: RestorePointParams, changes: list[Change]) -> None:
        for _ in changes:
            target = RestoreTarget(name=name_of(ctx, p), options=p.options)
            await ctx.backup.restore(p.point, target, token=token(ctx, p), at=p.at)

    async def verify(self, ctx: Context, p: RestorePointParams, changes: list[Change]) -> list[Change]:
        begun = await ctx.backup.job_of(token(ctx, p))
        return still_open(await ctx.backup.job(begun.id) if begun is not None else None, "the restore", changes)

    async def undo(self, ctx: Context, p: RestorePointParams, changes: list[Change]) -> None:
        for _ in changes:
            job = await ctx.backup.job_of(token(ctx, p))
            if job is not None:
                await ctx.backup.remove_restored(job.id)
