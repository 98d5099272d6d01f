from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tasks.backup.read_newest_point import ReadNewestPoint
from tests.support.incident import read
from tests.support.ransom import RansomTenant


async def newest(tenant: RansomTenant, *changed: dict[str, Any]) -> Any:
    """As the account has it, with the newest points altered."""
    backup, source = tenant.more["backup"], ""
    points = [point async for point in backup.points()]
    source = points[0].source
    mine = [point for point in points if point.source == source]

    async def altered(_: str) -> Any:
        for place, point in enumerate(mine):
            yield point.model_copy(update=changed[place] if place < len(changed) else {})

    backup.points = altered
    return mine, await read(tenant, ReadNewestPoint, source=source)


async def test_the_newest_good_one() -> None:
    mine, found = await newest(RansomTenant())
    assert (found.point, found.newest_at) == (mine[0].id, mine[0].created_at)
    assert (found.good, found.other, found.locked_until) == (len(mine), 0, None)


@pytest.mark.parametrize("bad", [{"state": "failed"}, {"state": "creating"}, {"state": "partial"}, {"kind": "replica"}])
async def test_what_failed_is_on_its_way_or_follows_its_source_is_none(bad: dict[str, Any]) -> None:
    mine, found = await newest(RansomTenant(), bad)
    assert found.point != mine[0].id
    assert found.other == 1


async def test_a_continuous_one_counts_by_its_last_moment() -> None:
    tenant = RansomTenant()
    (first, *_), _ = await newest(RansomTenant())
    late = first.created_at + timedelta(days=3)
    mine, found = await newest(tenant, {}, {"kind": "continuous", "latest": late, "locked_until": late})
    assert (found.point, found.newest_at, found.locked_until) == (mine[1].id, late, late)


async def test_none_at_all() -> None:
    found = await read(RansomTenant(), ReadNewestPoint, source="vol-nobody")
    assert (found.point, found.newest_at, found.good) == (None, None, 0)
