"""`host.release`"""

from __future__ import annotations

from tasks.host._common import OnHost
from tenantry.task import Change, Context, Impact, Permission, Task


class Release(Task[OnHost]):
    """Let one host that we had cut off speak with the others again.

    The whole table goes, with whatever would have rolled it back. Undo cuts it off again, from everybody but us.
    """

    name = "host.release"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("nft", "setsid", "systemd-run")),)
    impact = Impact.DISRUPTIVE
    timeout = 12.0
    Params = OnHost

    async def check(self, ctx: Context, p: OnHost) -> list[Change]:
        state = await ctx.host.isolation(p.host)
        path = f"host/{p.host}/isolated"
        if not ctx.seen(path, state.active):
            return []
        return [Change(path=path, before=True, after=False)]

    async def apply(self, ctx: Context, p: OnHost, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.host.release(p.host)

    async def undo(self, ctx: Context, p: OnHost, changes: list[Change]) -> None:
        for _ in changes:
            if not (await ctx.host.isolation(p.host)).confirmed:
                await ctx.host.isolate(p.host, [])
