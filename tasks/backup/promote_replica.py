"""`backup.promote_replica`"""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks._jobs import still_open
from tasks.backup.find_point import LOOKS, READS
from tasks.cloud._guards import aws
from tenantry.task import Change, Context, Impact, Task


class PromoteReplicaParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    replica: Annotated[
        str, Field(min_length=1, max_length=1000, description="Id of the replica, as the backup names it")
    ]


class PromoteReplica(Task[PromoteReplicaParams]):
    """Make a replica independent of its source, to take its place.

    It cannot be taken back, and the replica holds what the source held at that moment, damage included. How new its data is, a look at it says. NIST SP
    800-34 Rev. 1, section 3.4.2 (alternate site with replicated data). Watched for an hour.
    """

    name = "backup.promote_replica"
    needs = ("backup",)
    permissions = (READS, LOOKS, aws("rds:AddTagsToResource", "rds:PromoteReadReplica"))
    impact = Impact.DISRUPTIVE
    no_undo = "A replica that was promoted follows nobody any more; make a new one."
    timeout = 60.0
    patience = 3600.0
    Params = PromoteReplicaParams

    async def check(self, ctx: Context, p: PromoteReplicaParams) -> list[Change]:
        path = f"replica/{p.replica}/promoted"
        begun = await ctx.backup.job_of(_token(ctx, p))
        if ctx.seen(path, begun is not None and begun.state == "completed"):
            return []
        return [Change(path=path, before=False, after=True)]

    async def apply(self, ctx: Context, p: PromoteReplicaParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.backup.promote(p.replica, token=_token(ctx, p))

    async def verify(self, ctx: Context, p: PromoteReplicaParams, changes: list[Change]) -> list[Change]:
        return still_open(await ctx.backup.job_of(_token(ctx, p)), "the promotion", changes)


def _token(ctx: Context, p: PromoteReplicaParams) -> str:
    """Of this run's promotion of the replica, for ever; short, because vendors keep it as a tag."""
    return hashlib.sha256(f"{ctx.run.run_id}/promote/{p.replica}".encode()).hexdigest()[:32]
