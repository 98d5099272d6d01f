"""`host.read_host`"""

from __future__ import annotations

from tasks.host._common import OnHost
from tenantry.capabilities import HostFacts, HostRef, Isolation
from tenantry.task import Context, Output, Permission, ReadTask


class HostRead(Output):
    """One host as it answers now, and the tenant's others."""

    facts: HostFacts
    isolation: Isolation
    gateway: bool
    others: list[HostRef]


class ReadHost(ReadTask[OnHost, HostRead]):
    """Say what a host is, whether it is cut off, and which others the tenant has."""

    name = "host.read_host"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("nft",)),)
    Params = OnHost
    Output = HostRead

    async def read(self, ctx: Context, p: OnHost) -> HostRead:
        facts, isolation, hosts = await ctx.host.facts(p.host), await ctx.host.isolation(p.host), await ctx.host.hosts()
        return HostRead(
            facts=facts,
            isolation=isolation,
            gateway=any(host.gateway for host in hosts if host.id == p.host),
            others=[host for host in hosts if host.id != p.host],
        )
