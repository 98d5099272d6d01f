from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tasks.host.await_reachable import AwaitReachable
from tests.support.incident import read
from tests.support.ransom import RansomTenant


def counting(tenant: RansomTenant, back_at: int) -> list[str]:
    """The hosts that are asked, in order; ``db1`` answers from that look at it on."""
    asked: list[str] = []
    plain = tenant.host.isolation

    async def isolation(host: str) -> Any:
        asked.append(host)
        tenant.host.state["db1"].reachable = asked.count("db1") >= back_at
        return await plain(host)

    tenant.host.isolation = isolation  # type: ignore[method-assign]  # told of each question
    return asked


class Quick(AwaitReachable):
    pauses = (0.0,)


async def test_it_waits_for_those_that_may_come_back_and_asks_nobody_else_again() -> None:
    tenant = RansomTenant()
    asked = counting(tenant, back_at=4)
    found = await read(tenant, Quick, hosts=["db1", "web1", "nobody"])
    assert found.hosts == ["web1", "db1"]
    assert [(one.host, one.passing) for one in found.not_reached] == [("nobody", False)]
    assert asked == ["db1", "web1", "nobody", "db1", "db1", "db1"]


async def test_when_the_time_is_up_it_has_looked_once_more_and_says_who_is_away() -> None:
    """As after a run that was resumed on the next day."""
    tenant = RansomTenant()
    tenant.clock.tick(12 * 3600)
    asked = counting(tenant, back_at=2)
    found = await read(tenant, Quick, hosts=["db1"], minutes=15)
    assert (found.hosts, [one.host for one in found.not_reached], asked) == ([], ["db1"], ["db1"])


@pytest.mark.parametrize("mode", ["plan", "drill"])
async def test_plans_and_drills_wait_for_nobody(mode: str) -> None:
    asked = counting(tenant := RansomTenant(), back_at=2)
    await read(tenant, Quick, mode=mode, hosts=["db1"])
    assert asked == ["db1"]


async def test_it_can_be_cancelled() -> None:
    asked = counting(tenant := RansomTenant(), back_at=10**9)
    waiting = asyncio.create_task(read(tenant, Quick, hosts=["db1"]))
    while len(asked) < 3:  # noqa: ASYNC110  # of a question there is no event
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
