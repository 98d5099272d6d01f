"""`host.await_reachable`"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from tasks.host.find_reachable import FindReachableParams, Reachable, look
from tenantry.task import Context, Permission, ReadTask

LONGEST = 240
"""Minutes."""


class AwaitReachableParams(FindReachableParams):
    minutes: Annotated[
        int,
        Field(
            ge=0,
            le=LONGEST,
            description="How long after the run's beginning they are waited for; 0 looks once and goes on",
        ),
    ] = 15


class AwaitReachable(ReadTask[AwaitReachableParams, Reachable]):
    """Wait until hosts that did not answer do, or until the time is up; say which are still away.

    The time counts from the beginning of the run, so a run that is killed and resumed waits no longer for it, and looks once more in any case. A
    host whose refusal will not pass by itself (an unknown name, another host key, a key that is not let in) is not waited for, and neither plans
    nor drills wait for any.
    """

    name = "host.await_reachable"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("nft",)),)
    timeout = LONGEST * 60.0 + 600.0
    pauses: ClassVar = (1.0, 2.0, 4.0, 8.0, 15.0)
    """Seconds between two looks; the last one again and again."""
    Params = AwaitReachableParams
    Output = Reachable

    async def read(self, ctx: Context, p: AwaitReachableParams) -> Reachable:
        clock = asyncio.get_running_loop().time
        left = ctx.run.started_at + timedelta(minutes=p.minutes) - ctx.now
        until = clock() + left.total_seconds()

        def ask(host: str) -> Awaitable[object]:
            return ctx.host.isolation(host)

        found, looks = await look(p.hosts, ask, p.within), 0
        while any(one.passing for one in found.not_reached) and clock() < until and ctx.run.mode == "run":
            await asyncio.sleep(min(self.pauses[min(looks, len(self.pauses) - 1)], max(until - clock(), 0.0)))
            looks += 1
            again = await look([one.host for one in found.not_reached if one.passing], ask, p.within)
            others = [one for one in found.not_reached if not one.passing]
            found = Reachable(hosts=[*found.hosts, *again.hosts], not_reached=[*others, *again.not_reached])
        return found
