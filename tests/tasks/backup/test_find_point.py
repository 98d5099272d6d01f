from __future__ import annotations

from tasks.backup.find_point import FindPoint
from tests.support.incident import read
from tests.support.ransom import RansomTenant


async def test_the_newest_from_before_the_attacker() -> None:
    tenant = RansomTenant()
    source = tenant.story["source"]
    found = await read(tenant, FindPoint, source=source["id"], before=tenant.began)
    assert (found.point, found.newer, found.total) == (source["good"], 1, 2)


async def test_none_is_said_and_nothing_else_taken() -> None:
    tenant = RansomTenant()
    tenant.account.table("points").remove(tenant.story["source"]["good"], 0)
    found = await read(tenant, FindPoint, source=tenant.story["source"]["id"], before=tenant.began)
    assert (found.point, found.newer) == (None, 1)
