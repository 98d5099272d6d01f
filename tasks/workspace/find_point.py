"""`workspace.find_point`"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

from tasks.workspace._points import READS, Source
from tenantry.task import Context, Output, ReadTask, utc


class FindPointParams(Source):
    before: Annotated[
        AwareDatetime, Field(description="First activity of the attacker, or the beginning of the outage")
    ]


class WorkspacePoint(Output):
    source: str
    point: str | None
    """The newest available one from before; None: there is none."""
    point_at: datetime | None
    lost_seconds: float | None
    """From the point to that moment: what was written in between is not in it."""


class FindPoint(ReadTask[FindPointParams, WorkspacePoint]):
    """Choose the newest recovery point of a mailbox, drive or site from before a moment, as Microsoft 365 Backup keeps them.

    There may be one for every ten minutes; they are looked through backwards from that moment. NIST CSF 2.0, RC.RP-03.
    """

    name = "workspace.find_point"
    needs = ("workspace_backup",)
    permissions = (READS,)
    timeout = 300.0
    Params = FindPointParams
    Output = WorkspacePoint

    async def read(self, ctx: Context, p: FindPointParams) -> WorkspacePoint:
        before = utc(p.before)
        async for point in ctx.workspace_backup.points(p.source, until=before):
            if point.state == "available" and point.created_at < before:
                lost = (before - point.created_at).total_seconds()
                return WorkspacePoint(source=p.source, point=point.id, point_at=point.created_at, lost_seconds=lost)
        return WorkspacePoint(source=p.source, point=None, point_at=None, lost_seconds=None)
