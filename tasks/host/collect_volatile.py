"""`host.collect_volatile`"""

from __future__ import annotations

from tasks.host._common import OnHost, StoredStream, store_stream
from tenantry.task import Context, Output, Permission, ReadTask


class Volatile(Output):
    """What was kept, in the order in which it was read."""

    host: str
    sources: list[StoredStream]
    boot_id: str
    clock_skew: float
    """Seconds by which the host's clock was ahead: its times in the evidence are wrong by as much."""


class CollectVolatile(ReadTask[OnHost, Volatile]):
    """Keep what a restart would destroy as evidence, the most fleeting first, each with its digest.

    Read one after the other, streamed, while the host goes on; nothing is installed or written there. RFC 3227 section 2.1
    (order of volatility); NIST SP 800-86 section 5.2.1. The memory itself is not copied.
    """

    name = "host.collect_volatile"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("find", "ss", "nft")),)
    timeout = 600.0
    Params = OnHost
    Output = Volatile

    async def read(self, ctx: Context, p: OnHost) -> Volatile:
        stored = []
        for number, source in enumerate(await ctx.host.volatile_sources(p.host), 1):
            stored.append(
                await store_stream(
                    ctx, f"{p.host}/volatile/{number:02}-{source}.txt", ctx.host.volatile(p.host, source)
                )
            )
        facts = await ctx.host.facts(p.host)  # after what is more fleeting
        return Volatile(host=p.host, sources=stored, boot_id=facts.boot_id, clock_skew=facts.clock_skew)
