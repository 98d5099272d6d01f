from __future__ import annotations

import pytest

from tasks.host.compare_restore import CompareRestore
from tasks.host.stage_restore import StageRestore
from tenantry.errors import TargetNotFound
from tests.support.effects import drive
from tests.support.incident import read
from tests.support.ransom import RansomTenant


async def test_what_is_due_and_what_is_the_clients_own_work() -> None:
    tenant = RansomTenant()
    files = tenant.story["files"]
    given = {"host": "web1", "point": files["good"]}
    await drive(tenant, StageRestore(), given)
    found = await read(tenant, CompareRestore, **given, since=tenant.began)
    assert sorted(found.first) == files["damaged"]
    assert (found.due, found.missing, found.changed, found.same, found.left) == (2, 1, 1, 1, 2)
    assert {row["path"] for row in tenant.evidence.rows(found.evidence[0].name)} == {*files["damaged"], *files["own"]}


async def test_what_was_not_staged_cannot_be_compared_and_is_not_equal() -> None:
    tenant = RansomTenant()
    given = {"host": "web1", "point": tenant.story["files"]["good"], "since": tenant.began}
    with pytest.raises(TargetNotFound):
        await read(tenant, CompareRestore, **given)
    assert (await read(tenant, CompareRestore, mode="plan", **given)).due == 0
