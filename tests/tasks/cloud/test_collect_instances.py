from __future__ import annotations

from tasks.cloud.collect_instances import CollectInstances
from tests.support.cloud import CloudTenant
from tests.support.incident import read


async def test_machines_of_every_region_the_youngest_first() -> None:
    tenant = CloudTenant()
    young = tenant.account.machine("young", region="us-east-1", at=tenant.clock.now())
    found = await read(tenant, CollectInstances)
    assert found.total == len(found.machines) == 3
    assert found.machines[0].id == young
    assert len(tenant.evidence.rows(found.evidence[0].name)) == 3


async def test_an_empty_account_is_evidence_too() -> None:
    tenant = CloudTenant()
    for record in list(tenant.account.table("instances")):
        tenant.account.table("instances").remove(record.id, 0)
    found = await read(tenant, CollectInstances)
    assert (found.total, len(found.evidence)) == (0, 1)
