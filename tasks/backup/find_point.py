"""`backup.find_point`"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks._rows import RowStore
from tasks.cloud._guards import aws
from tenantry.task import Context, EvidenceRef, Output, ReadTask, utc

READS = aws(
    *("backup:ListProtectedResources", "backup:ListRecoveryPointsByResource", "backup:DescribeRecoveryPoint"),
    *(
        "backup:DescribeBackupJob",
        "backup:DescribeRestoreJob",
        "backup:DescribeBackupVault",
        "rds:DescribeDBInstances",
        "rds:DescribeDBSnapshots",
    ),
)

LOOKS = aws("backup:ListBackupVaults", "backup:ListTags", "ec2:DescribeVolumes", "ec2:DescribeInstances")
"""Beside those, for whoever looks for a restore and at what it made."""


class FindPointParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    source: Annotated[str, Field(min_length=1, max_length=1000, description="Id of what was backed up")]
    before: Annotated[AwareDatetime, Field(description="First activity of the attacker")]


class Points(Output):
    source: str
    point: str | None
    """The newest available one from before that is a copy of its own; None: there is none."""
    point_at: datetime | None
    newer: int
    """Made since: they hold what the attacker did."""
    total: int
    evidence: list[EvidenceRef]


class FindPoint(ReadTask[FindPointParams, Points]):
    """Choose the newest recovery point of a source from before a moment. A replica is none: it holds what the attacker did too."""

    name = "backup.find_point"
    needs = ("backup",)
    permissions = (READS,)
    timeout = 300.0
    Params = FindPointParams
    Output = Points

    async def read(self, ctx: Context, p: FindPointParams) -> Points:
        rows, chosen, newer = RowStore(ctx, "recovery-points"), None, 0
        async for point in ctx.backup.points(p.source):
            await rows.add(point.raw)
            if point.kind not in ("backup", "snapshot") or point.state != "available":
                continue
            if utc(point.created_at) >= utc(p.before):
                newer += 1
            elif chosen is None or point.created_at > chosen.created_at:
                chosen = point
        return Points(
            source=p.source,
            point=chosen.id if chosen else None,
            point_at=chosen.created_at if chosen else None,
            newer=newer,
            total=rows.total,
            evidence=await rows.close(),
        )
