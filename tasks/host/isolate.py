"""`host.isolate`"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.host._common import HostName, OnHost
from tenantry.errors import NotVerified
from tenantry.task import Change, Context, Impact, Permission, Task


class IsolateParams(OnHost):
    allowed: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[0-9A-Fa-f:.]{2,45}(/\d{1,3})?$")], ...],
        Field(max_length=100, description="Addresses or networks that still get through, besides our own"),
    ] = ()
    probe: Annotated[HostName | None, Field(description="Another host, from which it is seen that nobody gets in")] = (
        None
    )


class Isolate(Task[IsolateParams]):
    """Cut one host off from everybody but us, so that it comes back by itself if we lose it.

    The host keeps running: its memory is evidence. The cut is confirmed over a new connection, and where that does not come
    the host takes it back. Verified from another host where one is named. Connections that stood before are cut too.
    ATT&CK mitigation M1030 (network segmentation); NIST SP 800-61r3, RS.MI-01.
    """

    name = "host.isolate"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("nft", "setsid", "systemd-run")),)
    impact = Impact.DISRUPTIVE
    timeout = 12.0
    Params = IsolateParams

    async def check(self, ctx: Context, p: IsolateParams) -> list[Change]:
        state = await ctx.host.isolation(p.host)
        path = f"host/{p.host}/isolated"
        if ctx.seen(path, state.active and state.confirmed):
            return []
        return [Change(path=path, before=False, after=True)]

    async def apply(self, ctx: Context, p: IsolateParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.host.isolate(p.host, p.allowed)

    async def verify(self, ctx: Context, p: IsolateParams, changes: list[Change]) -> list[Change]:
        if not (await ctx.host.isolation(p.host)).confirmed:
            return changes
        if p.probe is not None and p.probe != p.host and await ctx.host.reaches(p.probe, p.host):
            raise NotVerified(
                f"the rules are in force on {p.host}, and {p.probe} still gets in",
                remedy="Something before the host's own firewall lets it through; cut the host off at the network.",
            )
        return []

    async def undo(self, ctx: Context, p: IsolateParams, changes: list[Change]) -> None:
        for _ in changes:
            if (await ctx.host.isolation(p.host)).active:
                await ctx.host.release(p.host)

    async def guard(self, ctx: Context, p: IsolateParams) -> list[str]:
        return [
            f"others are reached through {p.host}: cutting it off may cut the way to them"
            for host in await ctx.host.hosts()
            if host.id == p.host and host.gateway
        ]
