from __future__ import annotations

from datetime import timedelta

import pytest

from tasks.host.read_recovery_points import ReadRecoveryPoints
from tenantry.errors import Unreachable
from tests.support.incident import read
from tests.support.ransom import RansomTenant


async def test_the_newest_from_before_and_none_of_the_intruders() -> None:
    tenant = RansomTenant()
    found = await read(tenant, ReadRecoveryPoints, host="web1", before=tenant.began)
    assert found.point == tenant.story["files"]["good"]
    assert (found.newer, found.total) == (1, 5)
    assert len(tenant.evidence.rows(found.evidence[0].name)) == 5
    (note,) = found.notes
    assert "as if some had been deleted" in note


async def test_a_usual_rhythm_has_no_gap() -> None:
    tenant = RansomTenant()
    newest = max(point.at for id, point in tenant.web.points.items() if id != tenant.story["files"]["tainted"])
    found = await read(tenant, ReadRecoveryPoints, host="web1", before=newest + timedelta(hours=20))
    assert found.notes == []


@pytest.mark.parametrize("why", ["no points", "none from before", "nothing says since when"])
async def test_where_none_can_be_chosen_it_says_why(why: str) -> None:
    tenant = RansomTenant()
    before = tenant.began
    if why == "no points":
        tenant.web.points.clear()
    elif why == "none from before":
        before -= timedelta(days=30)
    given = {} if why == "nothing says since when" else {"before": before}
    found = await read(tenant, ReadRecoveryPoints, host="web1", **given)
    assert found.point is None
    assert len(found.notes) == 1


async def test_a_host_that_cannot_be_asked_is_an_error() -> None:
    with pytest.raises(Unreachable):
        await read(RansomTenant(), ReadRecoveryPoints, host="db1")


async def test_a_host_that_is_not_backed_up_has_none_and_it_is_said() -> None:
    """Over SSH it is another error than a host that does not answer; the lab's hosts all have a repository."""
    found = await read(RansomTenant(), ReadRecoveryPoints, host="nobody", before=RansomTenant().began)
    assert (found.point, found.total) == (None, 0)
    assert found.notes == ["the tenant's file names no repository to which nobody is backed up"]
