from __future__ import annotations

from typing import Any

import pytest

from tasks.cloud.trace_destruction import Destruction, TraceDestruction
from tenantry.errors import PermissionMissing
from tests.support.incident import read
from tests.support.ransom import RansomTenant

OWN = ["198.51.100.0/24"]


async def trace(tenant: RansomTenant, **more: Any) -> Destruction:
    given = {
        "since": tenant.began,
        "keys": [tenant.lab.scenario_info()["accounts"]["key"]],
        "buckets": [tenant.story["bucket"]["name"]],
        "known_good_ips": OWN,
        **more,
    }
    found = await read(tenant, TraceDestruction, **given)
    assert isinstance(found, Destruction)
    return found


async def test_what_was_destroyed_shared_and_doomed() -> None:
    tenant = RansomTenant()
    found = await trace(tenant)
    story = tenant.story
    attackers = {(one.what, one.ref) for one in found.destroyed if one.verdict == "attacker"}
    assert attackers == {
        ("snapshot deleted", story["snapshots"]["deleted"]),
        ("recovery point deleted", "rp-deleted"),
        ("encryption key to be deleted", story["encryption_key"]["id"]),
        ("trail stopped", story["trail"]["id"]),
    }, "a deletion that was refused destroyed nothing"
    (shared,) = found.shared
    assert (shared.snapshot, shared.account) == (story["snapshots"]["shared"], story["snapshots"]["account"])
    assert found.doomed_keys == [story["encryption_key"]["id"]]
    assert found.first is not None
    assert found.attacker_events
    assert found.who_else == []


async def test_objects_by_whom_and_how() -> None:
    found = await trace(RansomTenant())
    assert sorted((one.key, one.kind, one.verdict) for one in found.objects) == [
        ("contracts.pdf", "deleted", "attacker"),
        ("ledger.csv", "encrypted", "attacker"),
        ("report.xlsx", "overwritten", "client"),
        ("scratch.bin", "encrypted", "attacker"),
    ]
    assert (await trace(RansomTenant(), buckets=[])).objects == []


async def test_without_a_sign_it_is_nobodys_and_somebody_else() -> None:
    tenant = RansomTenant()
    found = await trace(tenant, keys=[], known_good_ips=[])
    assert {one.verdict for one in found.destroyed} == {"unknown"}
    assert len(found.who_else) == 2, "the attacker's key, and the deployment with the same key from its own address"
    assert found.shared, "given away by nobody knows whom is given away"
    assert found.first is None


@pytest.mark.parametrize("by", ["principal", "address"])
async def test_a_principal_or_an_address_tells_as_well(by: str) -> None:
    more: dict[str, Any] = (
        {"principals": ["user/ci-deploy"]} if by == "principal" else {"attacker_ips": ["203.0.113.66"]}
    )
    found = await trace(RansomTenant(), keys=[], **more)
    assert {one.verdict for one in found.destroyed} == {"attacker"}


async def test_what_is_shared_no_longer_is_not_listed_and_what_is_gone_is_said() -> None:
    tenant = RansomTenant()
    shared = tenant.story["snapshots"]["shared"]
    tenant.account.truth("snapshots", shared).props["shares"] = []
    assert (await trace(tenant)).shared == []
    tenant.account.table("snapshots").remove(shared, 0)
    found = await trace(tenant)
    assert any("whether it was copied is not known" in limit for limit in found.limits)


async def test_a_trail_that_cannot_be_read_is_said() -> None:
    tenant = RansomTenant()

    async def refused(*_: Any) -> Any:
        raise PermissionMissing("s3.GetObject is not allowed")
        yield

    tenant.more["cloud_logs"].archived = refused
    found = await trace(tenant)
    assert found.objects == []
    assert any("who changed objects is not known" in limit for limit in found.limits)
