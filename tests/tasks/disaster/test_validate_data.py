from __future__ import annotations

from datetime import timedelta

import pytest

from tasks.disaster.validate_data import ValidateData
from tenantry.capabilities.probing import ProbeAnswer
from tenantry.errors import CannotCheck, NotVerified
from tests.support.fakes import NOW
from tests.tasks.disaster.test_assess import MUTE, Probes, context

ROWS = {
    "kind": "newest_row",
    "host": "db",
    "database": "shop",
    "newest": "SELECT 1",
    "count": "SELECT 2",
    "at_least": 100,
}
FILES = {"kind": "newest_file", "host": "files", "path": "/srv", "at_least": 2}


def data(count: int, minutes: float) -> ProbeAnswer:
    return ProbeAnswer(count=count, newest=NOW - timedelta(minutes=minutes))


async def validated(rpo=None, **answers):
    task = ValidateData()
    p = task.Params.model_validate({"probes": [ROWS, FILES], "outage_began": NOW.isoformat(), "rpo_seconds": rpo})
    return await task.read(context(task, Probes(**answers)), p)


async def test_the_loss_is_measured_in_the_place_that_lost_most():
    found = await validated(3600, db=data(100, 10), files=data(2, 40))
    assert found.lost_seconds == 2400
    assert [one.count for one in found.found] == [100, 2]


async def test_an_empty_backup_is_found():
    with pytest.raises(NotVerified, match="0 there, and at least 100") as refused:
        await validated(3600, db=ProbeAnswer(count=0), files=data(2, 1))
    assert refused.value.detail["found"][0]["count"] == 0


async def test_an_older_backup_is_found_and_its_age_is_in_the_record():
    with pytest.raises(NotVerified, match="an older backup") as refused:
        await validated(3600, db=data(500, 26 * 60), files=data(2, 1))
    assert refused.value.as_dict()["detail"]["found"][0]["newest"].startswith("2026-11-19T10")


async def test_what_cannot_be_looked_at_is_unknown():
    with pytest.raises(CannotCheck):
        await validated(3600, db=MUTE, files=data(2, 1))


async def test_a_drill_measures_nothing_and_says_so():
    rehearsed = ProbeAnswer(rehearsed=True)
    found = await validated(3600, db=rehearsed, files=rehearsed)
    assert found.lost_seconds is None
    assert {one.said for one in found.found} == {"rehearsed"}
