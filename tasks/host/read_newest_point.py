"""`host.read_newest_point`"""

from __future__ import annotations

from tasks.backup.read_newest_point import Newest, NewestPoint
from tasks.host._common import OnHost
from tasks.host._restore import linux
from tenantry.task import Context, ReadTask


class ReadNewestHostPoint(ReadTask[OnHost, NewestPoint]):
    """Find the newest good recovery point of a host in its repository. A host without one in the tenant's file cannot be asked."""

    name = "host.read_newest_point"
    needs = ("host_backup",)
    permissions = (linux("restic"),)
    timeout = 300.0
    Params = OnHost
    Output = NewestPoint

    async def read(self, ctx: Context, p: OnHost) -> NewestPoint:
        newest = Newest()
        async for point in ctx.host_backup.points(p.host):
            newest.add(point)
        return newest.told(p.host)
