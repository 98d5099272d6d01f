from __future__ import annotations

from typing import Any

from tasks.storage.find_damage import Damage, FindDamage
from tests.support.incident import read
from tests.support.ransom import RansomTenant
from tests.tasks.cloud.test_trace_destruction import trace


async def damage(tenant: RansomTenant, *, acts: bool = True, **more: Any) -> Damage:
    bucket = tenant.story["bucket"]["name"]
    told = (await trace(tenant)).objects if acts else []
    given = {"buckets": [bucket], "since": tenant.began, "acts": [one.model_dump() for one in told], **more}
    found = await read(tenant, FindDamage, **given)
    assert isinstance(found, Damage)
    return found


async def test_what_is_damaged_lost_the_clients_and_nobodys() -> None:
    tenant = RansomTenant()
    found = await damage(tenant)
    assert [(one.key, one.kind, one.good) for one in found.damaged] == [
        ("contracts.pdf", "deleted", "v-contracts-1"),
        ("ledger.csv", "encrypted", "v-ledger-1"),
    ]
    assert [one.label.split("/")[-1] for one in found.lost] == ["scratch.bin"]
    assert [one.label.split("/")[-1] for one in found.for_person] == ["minutes.txt"]
    assert found.kept == 1
    assert found.unversioned == found.unread == []
    assert len(tenant.evidence.rows(found.evidence[0].name)) == 9, "of what was changed, every version"


async def test_without_the_log_only_what_does_not_open_is_certain() -> None:
    found = await damage(RansomTenant(), acts=False)
    assert [one.key for one in found.damaged] == ["ledger.csv"]
    assert [one.label.split("/")[-1] for one in found.for_person] == ["contracts.pdf", "minutes.txt", "report.xlsx"]


async def test_a_bucket_that_cannot_be_looked_through_is_said_and_the_others_go_on() -> None:
    tenant = RansomTenant()
    row = {"created": tenant.began, "versioned": False, "lock": False, "policy": None}
    tenant.account.add("buckets", "plain", row)
    found = await damage(tenant, buckets=["nowhere", "plain", tenant.story["bucket"]["name"]])
    assert [(one.label, one.reason) for one in found.unread] == [("nowhere", "target_not_found")]
    assert found.unversioned == ["plain"]
    assert len(found.damaged) == 2
