"""`host.freeze_process`"""

from __future__ import annotations

from tasks.host._processes import OneProcess, find, process_guards
from tenantry.errors import TargetNotFound
from tenantry.task import Change, Context, Impact, Permission, Task


class FreezeProcess(Task[OneProcess]):
    """Halt one process, so that it neither goes on nor notices what is done next; its memory stays.

    SIGSTOP cannot be caught (signal(7)). A number that was used again is another process and is left alone; one that is gone
    counts as halted. Undo lets it go on.
    """

    name = "host.freeze_process"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("find", "kill")),)
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = OneProcess

    async def check(self, ctx: Context, p: OneProcess) -> list[Change]:
        process = await find(ctx, p)
        path = f"process/{p.host}:{p.process}/halted"
        if process is None or ctx.seen(path, process.state in ("T", "t")):
            return []
        return [Change(path=path, before=False, after=True)]

    async def apply(self, ctx: Context, p: OneProcess, changes: list[Change]) -> None:
        for _ in changes:
            try:
                await ctx.host.signal(p.host, p.process, "stop")
            except TargetNotFound:
                continue  # it ended by itself meanwhile

    async def undo(self, ctx: Context, p: OneProcess, changes: list[Change]) -> None:
        for _ in changes:
            process = await find(ctx, p)
            if process is not None and process.state in ("T", "t"):
                await ctx.host.signal(p.host, p.process, "continue")

    async def verify_undone(self, ctx: Context, p: OneProcess, changes: list[Change]) -> bool:  # noqa: ARG002  # one change
        process = await find(ctx, p)
        return process is None or process.state not in ("T", "t")

    async def guard(self, ctx: Context, p: OneProcess) -> list[str]:
        return await process_guards(ctx, p)
