"""`backup.read_newest_point`"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.backup.find_point import READS
from tenantry.capabilities import RecoveryPoint
from tenantry.task import Context, Output, ReadTask, utc


class ReadNewestPointParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    source: Annotated[str, Field(min_length=1, max_length=1000, description="Id of what was backed up")]


class NewestPoint(Output):
    source: str
    point: str | None
    """The newest good one that is a copy of its own; None: there is none."""
    newest_at: datetime | None
    """Moment that it brings back."""
    locked_until: datetime | None
    """Nobody can delete it before then; None: nothing shows that."""
    good: int
    other: int
    """Failed, partial, on their way, expired, or replicas: nothing that one could rely on."""


class Newest:
    """Finds the newest good one in constant memory."""

    def __init__(self) -> None:
        self.point: RecoveryPoint | None = None
        self.good = self.other = 0

    def add(self, point: RecoveryPoint) -> None:
        # A replica holds what an attacker did too, and what was deleted is gone there as well.
        if point.state != "available" or point.kind == "replica":
            self.other += 1
            return
        self.good += 1
        if self.point is None or _moment(point) > _moment(self.point):
            self.point = point

    def told(self, source: str) -> NewestPoint:
        found = self.point
        return NewestPoint(
            source=source,
            point=found.id if found else None,
            newest_at=_moment(found) if found else None,
            locked_until=found.locked_until if found else None,
            good=self.good,
            other=self.other,
        )


def _moment(point: RecoveryPoint) -> datetime:
    return utc(point.latest or point.created_at)


class ReadNewestPoint(ReadTask[ReadNewestPointParams, NewestPoint]):
    """Find the newest good recovery point of a source: how new it is, and until when nobody can delete it. NIST SP 800-34 Rev. 1, section 3.4.1."""

    name = "backup.read_newest_point"
    needs = ("backup",)
    permissions = (READS,)
    timeout = 300.0
    Params = ReadNewestPointParams
    Output = NewestPoint

    async def read(self, ctx: Context, p: ReadNewestPointParams) -> NewestPoint:
        newest = Newest()
        async for point in ctx.backup.points(p.source):
            newest.add(point)
        return newest.told(p.source)
