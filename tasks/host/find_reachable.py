"""`host.find_reachable`"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.host._common import HostName
from tenantry.errors import ProviderError
from tenantry.task import Context, Output, Permission, ReadTask


class FindReachableParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    hosts: Annotated[list[HostName], Field(max_length=200, description="Hosts, by their names in the tenant's file")]
    within: Annotated[float, Field(gt=0, le=300, description="Seconds that a host may take to answer")] = 20.0


class NotReached(BaseModel):
    model_config = ConfigDict(extra="forbid")
    host: str
    why: str
    """Code of the error: ``unreachable``, ``target_not_found`` for a name that the tenant's file does not have, ``timed_out`` …"""
    passing: bool
    """It may answer later without anything being put right here."""


class Reachable(Output):
    hosts: list[str]
    """In which we can sign in and act, in the order in which they were named."""
    not_reached: list[NotReached]


class FindReachable(ReadTask[FindReachableParams, Reachable]):
    """Say which hosts answer to us now, so that those that do not hold up nobody's containment.

    All are asked at the same time, one small question each: whether they are cut off. Nothing is installed or written there.
    """

    name = "host.find_reachable"
    needs = ("host",)
    permissions = (Permission(vendor="linux", names=("nft",)),)
    timeout = 600.0
    Params = FindReachableParams
    Output = Reachable

    async def read(self, ctx: Context, p: FindReachableParams) -> Reachable:
        return await look(p.hosts, lambda host: ctx.host.isolation(host), p.within)


async def look(hosts: Sequence[str], ask: Callable[[str], Awaitable[object]], within: float) -> Reachable:
    """Ask all of them once, at the same time.

    Args:
        ask: a small question to one host.
        within: seconds that a host may take.
    """
    names = list(dict.fromkeys(hosts))

    async def one(host: str) -> NotReached | None:
        try:
            async with asyncio.timeout(within):
                await ask(host)
        except ProviderError as error:
            return NotReached(host=host, why=error.code, passing=error.retryable)
        except TimeoutError:
            return NotReached(host=host, why="timed_out", passing=True)
        return None

    answers = dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))
    return Reachable(
        hosts=[host for host in names if answers[host] is None],
        not_reached=[answer for answer in answers.values() if answer is not None],
    )
