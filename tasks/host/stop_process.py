"""`host.stop_process`"""

from __future__ import annotations

from tasks.host._processes import OneProcess, find, process_guards
from tenantry.errors import TargetNotFound
from tenantry.task import Change, Context, Impact, Permission, Task


class StopProcess(Task[OneProcess]):
    """End one process for good: halted first, so that it cannot start another, then killed.

    Its memory is lost, so `host.freeze_process` and `host.collect_process` come before. A number that was used again is
    another process and is left alone; one that is gone counts as ended. signal(7).
    """

    name = "host.stop_process"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("find", "kill")),)
    impact = Impact.DISRUPTIVE
    no_undo = "A process that was ended cannot be continued; its unit or cron entry can be started again."
    removes_foothold = True
    Params = OneProcess

    async def check(self, ctx: Context, p: OneProcess) -> list[Change]:
        process = await find(ctx, p)
        path = f"process/{p.host}:{p.process}/running"
        if process is None or not ctx.seen(path, True):
            return []
        program = {"account": process.account, "executable": process.executable, "arguments": list(process.arguments)}
        return [Change(path=path, before=program, after=False)]

    async def apply(self, ctx: Context, p: OneProcess, changes: list[Change]) -> None:
        for _ in changes:
            process = await find(ctx, p)
            if process is None:
                continue
            try:
                if process.state not in ("T", "t"):
                    await ctx.host.signal(p.host, p.process, "stop")
            except TargetNotFound:
                continue  # it ended by itself meanwhile
            await ctx.host.signal(p.host, p.process, "kill")

    async def guard(self, ctx: Context, p: OneProcess) -> list[str]:
        return await process_guards(ctx, p)
