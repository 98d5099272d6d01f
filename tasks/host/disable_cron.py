"""`host.disable_cron`"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.host._common import OnHost
from tenantry.capabilities import CronEntry
from tenantry.errors import Conflict
from tenantry.task import Change, Context, Impact, Permission, Task


class DisableCronParams(OnHost):
    entry_id: Annotated[
        str, Field(min_length=1, description="Id of the one entry, as host.collect_persistence reports it")
    ]


class DisableCron(Task[DisableCronParams]):
    """Take one entry of cron out of force, and keep it where it was: a line as a comment, a script without its permission.

    Answers ATT&CK T1053.003 (cron). An entry that is gone counts as out of force. crontab(5), cron(8).
    """

    name = "host.disable_cron"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("find", "tar", "grep", "sed", "chmod")),)
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = DisableCronParams

    async def check(self, ctx: Context, p: DisableCronParams) -> list[Change]:
        entry = await find(ctx, p)
        path = f"cron/{p.host}:{p.entry_id}/enabled"
        if entry is None or not ctx.seen(path, entry.enabled):
            return []
        return [Change(path=path, before={"line": entry.line, "command": entry.command}, after=False)]

    async def apply(self, ctx: Context, p: DisableCronParams, changes: list[Change]) -> None:
        for _ in changes:
            entry = await find(ctx, p)
            if entry is not None:
                await ctx.host.set_cron_enabled(p.host, entry, False)

    async def undo(self, ctx: Context, p: DisableCronParams, changes: list[Change]) -> None:
        for _ in changes:
            entry = await find(ctx, p)
            if entry is None:
                raise Conflict(f"the entry {p.entry_id} on {p.host} was removed since")
            if not entry.enabled:
                await ctx.host.set_cron_enabled(p.host, entry, True)


async def find(ctx: Context, p: DisableCronParams) -> CronEntry | None:
    return next((entry for entry in await ctx.host.cron(p.host) if entry.id == p.entry_id), None)
