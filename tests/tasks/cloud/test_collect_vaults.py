from __future__ import annotations

from tasks.cloud.collect_vaults import CollectVaults
from tests.support.cloud import CloudTenant
from tests.support.incident import read


async def test_those_that_hold_something() -> None:
    tenant = CloudTenant()
    row = {"region": "x", "name": "empty", "points": 0, "locked": True, "policy": None}
    tenant.account.add("vaults", "arn:empty", row)
    found = await read(tenant, CollectVaults)
    assert [(vault.name, vault.points, vault.locked) for vault in found.vaults] == [("Default", 2, False)]
    assert found.empty == 1
    assert len(tenant.evidence.rows(found.evidence[0].name)) == 2
