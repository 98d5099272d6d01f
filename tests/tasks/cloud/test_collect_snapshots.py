from __future__ import annotations

from tasks.cloud.collect_snapshots import CollectSnapshots
from tests.support.incident import read
from tests.support.ransom import RansomTenant


async def test_of_each_volume_the_newest_from_before() -> None:
    tenant = RansomTenant()
    keep = tenant.story["snapshots"]["keep"]
    volume = tenant.seen("snapshots", keep[0])["volume"]
    row = {"region": "x", "volume": volume, "token": "", "description": "", "locked": None, "shares": []}
    tenant.account.add("snapshots", "snap-after", {**row, "at": tenant.clock.now()})
    found = await read(tenant, CollectSnapshots, since=tenant.began)
    assert [one.id for one in found.keep] == sorted(keep)
    assert (found.total, found.newer, found.keep_omitted) == (5, 1, 0)
    assert len(tenant.evidence.rows(found.evidence[0].name)) == 5


async def test_without_a_time_every_one_is_from_before() -> None:
    tenant = RansomTenant()
    found = await read(tenant, CollectSnapshots)
    assert len(found.keep) == 2
