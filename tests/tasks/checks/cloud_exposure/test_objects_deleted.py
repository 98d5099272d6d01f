from __future__ import annotations

from datetime import timedelta
from typing import Any

from tasks.checks.cloud_exposure.objects_deleted import ObjectsDeleted
from tests.support.aws_gaps import record
from tests.tasks.checks._cloud_log import NOW, status, swept


def deleted(number: int, **more: Any) -> list[dict[str, Any]]:
    """So many within minutes."""
    at = NOW - timedelta(days=2)
    data = {"managementEvent": False, "eventCategory": "Data", **more}
    request = {"bucketName": "files", "key": "x"}
    return [
        record("DeleteObject", at + timedelta(seconds=n), source="s3", request=request, **data) for n in range(number)
    ]


async def test_many() -> None:
    assert await status(deleted(220), ObjectsDeleted()) == "fail"


async def test_a_few_and_what_the_other_log_has_are_none() -> None:
    assert await status(deleted(20), ObjectsDeleted()) == "pass"
    assert (
        await swept(deleted(220, managementEvent=True, eventCategory="Management"), ObjectsDeleted())
    ).events_read == 0
    assert await status([], ObjectsDeleted()) == "unknown"


async def test_without_a_trail_that_records_objects_nothing_is_known() -> None:
    found = await swept([], ObjectsDeleted(), objects=False)
    assert found.checks[0]["status"] == "unknown"
    assert "no trail" in found.could_not_check[0]["why"]
