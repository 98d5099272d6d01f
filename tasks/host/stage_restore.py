"""`host.stage_restore`"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.host._restore import OnePoint, linux, token
from tenantry.errors import NotVerified
from tenantry.task import Change, Context, Impact, Task


class StageRestoreParams(OnePoint):
    paths: Annotated[
        tuple[Annotated[str, Field(min_length=2, max_length=4096, pattern=r"^/")], ...],
        Field(max_length=200, description="Files and folders of it; none: all of it"),
    ] = ()


class StageRestore(Task[StageRestoreParams]):
    """Restore a recovery point of a host beside what is there, read back and compared by the backup tool.

    Nothing of the host's own is touched. It takes room on the host as large as what is restored, and is watched for two hours.
    """

    name = "host.stage_restore"
    needs = ("host_backup",)
    permissions = (linux("find", "restic", "setsid"),)
    impact = Impact.REVERSIBLE
    timeout = 12.0
    patience = 7200.0
    Params = StageRestoreParams

    async def check(self, ctx: Context, p: StageRestoreParams) -> list[Change]:
        job = await ctx.host_backup.staged(p.host, p.point, token=token(ctx, p))
        path = f"host/{p.host}/staged:{p.point}"
        if ctx.seen(path, job is not None and job.state == "completed"):
            return []
        return [Change(path=path, before=False, after=True)]

    async def apply(self, ctx: Context, p: StageRestoreParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.host_backup.stage(p.host, p.point, p.paths, token=token(ctx, p))

    async def verify(self, ctx: Context, p: StageRestoreParams, changes: list[Change]) -> list[Change]:
        job = await ctx.host_backup.staged(p.host, p.point, token=token(ctx, p))
        if job is not None and job.done and job.state != "completed":
            raise NotVerified(
                f"the restore on {p.host} ended without a result",
                remedy="Look at the room on the host's disk and at its way to the repository, then resume the run.",
            )
        return [] if job is not None and job.state == "completed" else changes

    async def undo(self, ctx: Context, p: StageRestoreParams, changes: list[Change]) -> None:
        for _ in changes:
            if await ctx.host_backup.staged(p.host, p.point, token=token(ctx, p)) is not None:
                await ctx.host_backup.remove_staged(p.host, p.point, token=token(ctx, p))
