"""`workspace.read_newest_point`"""

from __future__ import annotations

from tasks.backup.read_newest_point import Newest, NewestPoint
from tasks.workspace._points import READS, Source
from tenantry.task import Context, ReadTask


class ReadNewestPoint(ReadTask[Source, NewestPoint]):
    """Find the newest good recovery point of a mailbox, drive or site. There are many: it is read backwards, and no further than to that one."""

    name = "workspace.read_newest_point"
    needs = ("workspace_backup",)
    permissions = (READS,)
    timeout = 300.0
    Params = Source
    Output = NewestPoint

    async def read(self, ctx: Context, p: Source) -> NewestPoint:
        newest = Newest()
        async for point in ctx.workspace_backup.points(p.source):
            newest.add(point)
            if newest.point is not None:
                break
        return newest.told(p.source)
