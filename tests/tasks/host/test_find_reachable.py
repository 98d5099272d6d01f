from __future__ import annotations

import asyncio

from tasks.host.find_reachable import FindReachable
from tests.support.incident import read
from tests.support.ransom import RansomTenant


async def test_those_that_answer_and_why_the_others_do_not() -> None:
    found = await read(RansomTenant(), FindReachable, hosts=["db1", "web1", "nobody", "web1"])
    assert found.hosts == ["web1"]
    assert {one.host: one.why for one in found.not_reached} == {"db1": "unreachable", "nobody": "target_not_found"}
    assert {one.host: one.passing for one in found.not_reached} == {"db1": True, "nobody": False}


async def test_one_that_says_nothing_holds_nobody_up() -> None:
    tenant = RansomTenant()
    asked = tenant.host.isolation

    async def isolation(host: str) -> object:
        if host == "mon1":
            await asyncio.Event().wait()
        return await asked(host)

    tenant.host.isolation = isolation  # type: ignore[method-assign]  # the one that hangs
    found = await read(tenant, FindReachable, hosts=["mon1", "web1"], within=0.05)
    assert (found.hosts, [one.why for one in found.not_reached]) == (["web1"], ["timed_out"])


async def test_of_no_hosts_nothing_is_asked() -> None:
    assert (await read(RansomTenant(), FindReachable, hosts=[])).hosts == []
