from __future__ import annotations

from typing import Any

import pytest

from tasks.cloud._documents import with_deny_delete, with_kept_points
from tasks.cloud.trace_destruction import Shared
from tasks.cloud.verify_locked_down import VerifyLockedDown
from tenantry.errors import NotVerified, TargetNotFound
from tests.support.incident import read
from tests.support.ransom import RansomTenant


async def locked(tenant: RansomTenant, but: str = "") -> dict[str, Any]:
    """Everything that is to hold, except one thing; gives the parameters."""
    story, key = tenant.story, tenant.lab.scenario_info()["accounts"]["key"]
    bucket, given = story["bucket"]["name"], story["snapshots"]
    cloud, identity = tenant.more["cloud"], tenant.more["cloud_identity"]
    if but != "key":
        await identity.set_key_active(key, False)
    if but != "principal":
        await identity.set_denied("user/svc-backup-sync", True)
    if but != "bucket":
        await cloud.set_bucket_policy(bucket, with_deny_delete(None, bucket))
    (vault,) = tenant.account.table("vaults")
    if but != "vault":
        await cloud.set_vault_policy(vault.id, with_kept_points(None))
    if but != "share":
        await cloud.set_snapshot_share(given["shared"], given["account"], False)
    if but != "encryption key":
        await cloud.keep_encryption_key(story["encryption_key"]["id"])
        await cloud.set_encryption_key_enabled(story["encryption_key"]["id"], True)
    shared = Shared(
        snapshot=given["shared"], account=given["account"], at=tenant.began, verdict="attacker", event_id="e"
    )
    return {
        "keys": [key],
        "principals": ["user/svc-backup-sync", "user/gone"],
        "buckets": [bucket],
        "vaults": [vault.id],
        "shared": [shared.model_dump()],
        "encryption_keys": [story["encryption_key"]["id"]],
        "snapshots": given["keep"],
        "patience": 0,
    }


async def test_every_point_is_seen() -> None:
    tenant = RansomTenant()
    found = await read(tenant, VerifyLockedDown, **await locked(tenant))
    assert found.holds
    assert len(found.proofs) == 9


@pytest.mark.parametrize("but", ["key", "principal", "bucket", "vault", "share", "encryption key"])
async def test_one_that_does_not_hold_is_enough(but: str) -> None:
    tenant = RansomTenant()
    with pytest.raises(NotVerified):
        await read(tenant, VerifyLockedDown, **await locked(tenant, but))


async def test_a_snapshot_that_is_gone_is_no_proof() -> None:
    tenant = RansomTenant()
    params = await locked(tenant)
    tenant.account.table("snapshots").remove(params["snapshots"][0], 0)
    with pytest.raises(TargetNotFound):
        await read(tenant, VerifyLockedDown, **params)


async def test_a_plan_never_says_that_it_holds() -> None:
    tenant = RansomTenant()
    params = await locked(tenant, "key")
    tenant.writes.clear()
    found = await read(tenant, VerifyLockedDown, mode="plan", **params)
    assert (found.holds, found.proofs) == (False, [])
