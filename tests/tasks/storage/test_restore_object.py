from __future__ import annotations

from typing import Any

import pytest

from tasks.storage.restore_object import RestoreObject
from tenantry.errors import TargetNotFound
from tests.support.effects import Case, drive
from tests.support.ransom import RansomEffect, RansomTenant


def prepare(tenant: RansomTenant) -> dict[str, Any]:
    return {"bucket": tenant.story["bucket"]["name"], "key": "ledger.csv", "version": "v-ledger-1"}


def target(key: str) -> str:
    return f"buckets/{RansomTenant().story['bucket']['name']}/{key}"


class TestRestoreObject(RansomEffect):
    case = Case(task=RestoreObject, prepare=prepare, writes=[("write", target("ledger.csv"), None)], undo_writes=None)


async def test_one_that_was_deleted_comes_back_and_what_was_there_stays_beneath() -> None:
    tenant = RansomTenant()
    given = {**prepare(tenant), "key": "contracts.pdf", "version": "v-contracts-1"}
    await drive(tenant, RestoreObject(), given)
    held = [row for row in tenant.account.objects[given["bucket"]] if row["key"] == "contracts.pdf"]
    assert [row["data"] for row in held] == [b"contracts.pdf, as it was", b"", b"contracts.pdf, as it was"]


async def test_a_version_that_is_not_there_is_no_success() -> None:
    tenant = RansomTenant()
    with pytest.raises(TargetNotFound):
        await drive(tenant, RestoreObject(), {**prepare(tenant), "version": "v-none"})
    assert tenant.writes == []


async def test_the_same_size_is_not_the_same_content() -> None:
    tenant = RansomTenant()
    given = prepare(tenant)
    rows = tenant.account.objects[given["bucket"]]
    rows.append({**rows[0], "version": "v-3", "data": b"x" * len(rows[0]["data"])})
    assert (await drive(tenant, RestoreObject(), given)).changes
