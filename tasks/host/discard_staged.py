"""`host.discard_staged`"""

from __future__ import annotations

from tasks.host._restore import OnePoint, linux, token
from tenantry.task import Change, Context, Impact, Task


class DiscardStaged(Task[OnePoint]):
    """Delete the folder into which this run restored a recovery point of a host, and nothing else. The recovery point stays.

    Not for a restore whose files were put in their places: what was replaced is kept beside that folder, and would go with it.
    """

    name = "host.discard_staged"
    needs = ("host_backup",)
    permissions = (linux("find", "restic"),)
    impact = Impact.REVERSIBLE
    no_undo = "It was a copy that this run made; the recovery point is still there to be restored again."
    timeout = 300.0
    Params = OnePoint

    async def check(self, ctx: Context, p: OnePoint) -> list[Change]:
        path = f"host/{p.host}/staged:{p.point}"
        there = await ctx.host_backup.staged(p.host, p.point, token=token(ctx, p)) is not None
        if not ctx.seen(path, there):
            return []
        return [Change(path=path, before=True, after=False)]

    async def apply(self, ctx: Context, p: OnePoint, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.host_backup.remove_staged(p.host, p.point, token=token(ctx, p))
