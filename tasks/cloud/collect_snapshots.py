"""`cloud.collect_snapshots`"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tasks._rows import RowStore
from tasks._window import LookBack
from tasks.cloud._guards import aws
from tenantry.capabilities import Snapshot
from tenantry.task import Context, EvidenceRef, Output, ReadTask, utc

MOST = 200
"""Snapshots to keep in the output: one for each volume, the largest number that anybody approves one by one."""


class Kept(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    volume: str
    region: str
    at: datetime
    locked_until: datetime | None


class Snapshots(Output):
    total: int
    keep: list[Kept]
    """Of each volume the newest complete one from before the time in question: what it can be taken back to."""
    keep_omitted: int
    newer: int
    """Made since. Not trusted, kept as evidence."""
    evidence: list[EvidenceRef]


class CollectSnapshots(ReadTask[LookBack, Snapshots]):
    """Keep what snapshots the cloud account has as evidence, and name those that must not be deleted.

    Without a time since when something is wrong every snapshot counts as from before. ATT&CK T1490 (inhibit system recovery).
    """

    name = "cloud.collect_snapshots"
    needs = ("cloud",)
    permissions = (aws("ec2:DescribeSnapshots", "ec2:DescribeLockedSnapshots"),)
    timeout = 600.0
    Params = LookBack
    Output = Snapshots

    async def read(self, ctx: Context, p: LookBack) -> Snapshots:
        rows = RowStore(ctx, "snapshots")
        newest: dict[str, Snapshot] = {}
        newer = 0
        async for found in ctx.cloud.snapshots():
            await rows.add(found.raw)
            if found.state != "completed":
                continue
            if p.since is not None and utc(found.started_at) >= utc(p.since):
                newer += 1
            elif found.volume not in newest or found.started_at > newest[found.volume].started_at:
                newest[found.volume] = found
        keep = sorted(newest.values(), key=lambda one: one.id)
        return Snapshots(
            total=rows.total,
            keep=[
                Kept(id=o.id, volume=o.volume, region=o.region, at=o.started_at, locked_until=o.locked_until)
                for o in keep[:MOST]
            ],
            keep_omitted=max(0, len(keep) - MOST),
            newer=newer,
            evidence=await rows.close(),
        )
