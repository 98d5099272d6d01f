"""`workspace.restore_point`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks._jobs import still_open
from tasks.workspace._points import READS, RESTORES
from tenantry.task import Change, Context, Impact, Task


class RestorePointParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    point: Annotated[str, Field(min_length=1, max_length=1000, description="Id of the recovery point")]


class RestorePoint(Task[RestorePointParams]):
    """Restore one recovery point of a mailbox, drive or site into a folder or site of its own, once.

    What is there stays as it is; putting what came back in its place is a decision of people who have looked at it. That this very point came back is
    seen in what the service restored, not in that it was asked for. NIST CSF 2.0, RC.RP-03. Watched for a day: a large mailbox takes hours.
    """

    name = "workspace.restore_point"
    needs = ("workspace_backup",)
    permissions = (READS, RESTORES)
    impact = Impact.REVERSIBLE
    no_undo = "It stands beside what was there, in a folder or site of its own; whoever has looked at it takes it away."
    timeout = 60.0
    patience = 86_400.0
    Params = RestorePointParams

    async def check(self, ctx: Context, p: RestorePointParams) -> list[Change]:
        job = await ctx.workspace_backup.restored(p.point, token=_token(ctx, p))
        path = f"recovery_point/{p.point}/restored"
        if ctx.seen(path, job is not None and job.state == "completed"):
            return []
        return [Change(path=path, before=False, after=True)]

    async def apply(self, ctx: Context, p: RestorePointParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.workspace_backup.restore(p.point, token=_token(ctx, p))

    async def verify(self, ctx: Context, p: RestorePointParams, changes: list[Change]) -> list[Change]:
        return still_open(await ctx.workspace_backup.restored(p.point, token=_token(ctx, p)), "the restore", changes)


def _token(ctx: Context, p: RestorePointParams) -> str:
    """Of this run's restore of the point, for ever."""
    return f"{ctx.run.run_id}/{p.point}"
