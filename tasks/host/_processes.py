"""One process of one host, for the tasks that are about it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.host._common import OnHost
from tenantry.capabilities import Process
from tenantry.task import Context


class OneProcess(OnHost):
    """Parameters."""

    process: Annotated[
        str, Field(pattern=r"^\d{1,10}:\d{1,20}$", description="Id of the one process: number and start time")
    ]


async def find(ctx: Context, p: OneProcess) -> Process | None:
    """The process as it is now; None when it is gone."""
    return next((one for one in await ctx.host.processes(p.host) if one.id == p.process and one.state != "Z"), None)


async def process_guards(ctx: Context, p: OneProcess) -> list[str]:
    """For what halts or ends a process: the host or the way in to it may depend on it."""
    process = await find(ctx, p)
    if process is not None and process.pid == 1:
        return [f"it is the first process of {p.host}: without it the host stops"]
    if process is not None and process.name in ("sshd", "sshd-session") and process.uid == 0:
        return [f"it is an sshd of {p.host}: perhaps the way in"]
    return []
