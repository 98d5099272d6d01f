from __future__ import annotations

import pytest

from tasks.host.read_newest_point import ReadNewestHostPoint
from tenantry.errors import TargetNotFound
from tests.support.incident import read
from tests.support.ransom import RansomTenant


async def test_the_newest_of_the_host() -> None:
    tenant = RansomTenant()
    points = [point async for point in tenant.backups.points("web1")]
    found = await read(tenant, ReadNewestHostPoint, host="web1")
    best = max(points, key=lambda point: point.created_at)
    assert (found.point, found.newest_at, found.good) == (best.id, best.created_at, len(points))


async def test_a_host_without_a_repository_cannot_be_asked() -> None:
    with pytest.raises(TargetNotFound):
        await read(RansomTenant(), ReadNewestHostPoint, host="nobody")
