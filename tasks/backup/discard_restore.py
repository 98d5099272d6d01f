"""`backup.discard_restore`"""

from __future__ import annotations

from tasks.backup._restore import OnePoint, name_of, token
from tasks.backup.find_point import LOOKS, READS
from tasks.cloud._guards import aws
from tenantry.errors import Rejected
from tenantry.task import Change, Context, Impact, Task


class DiscardRestore(Task[OnePoint]):
    """Delete what this run restored of a recovery point, and nothing else: it was a test. The recovery point stays.

    What was restored is found by this run's own token; what anybody else made cannot be named here. An instance of AWS Backup's is terminated by hand: our
    role may not, and it is said that it is still there. Watched for half an hour.
    """

    name = "backup.discard_restore"
    needs = ("backup",)
    permissions = (READS, LOOKS, aws("rds:DeleteDBInstance", "ec2:DeleteVolume"))
    impact = Impact.REVERSIBLE
    no_undo = "It was a copy that this run made; the recovery point is still there to be restored again."
    timeout = 60.0
    patience = 1800.0
    Params = OnePoint

    async def check(self, ctx: Context, p: OnePoint) -> list[Change]:
        path = f"recovery_point/{p.point}/restored"
        begun = await ctx.backup.job_of(token(ctx, p))
        there = begun is not None and await ctx.backup.remains(begun.id)
        if not ctx.seen(path, there):
            return []
        return [Change(path=path, before=name_of(ctx, p), after=False)]

    async def apply(self, ctx: Context, p: OnePoint, changes: list[Change]) -> None:
        for _ in changes:
            begun = await ctx.backup.job_of(token(ctx, p))
            if begun is None:
                continue
            job = await ctx.backup.job(begun.id)
            if not job.done:
                raise Rejected("the restore is not over, and nothing of it can be thrown away")
            await ctx.backup.remove_restored(job.id)
