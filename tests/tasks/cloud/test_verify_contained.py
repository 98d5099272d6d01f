from __future__ import annotations

from typing import Any

import pytest

from tasks.cloud.trace_key import KeyTrace, TraceKey
from tasks.cloud.verify_contained import VerifyContained
from tenantry.errors import NotVerified
from tests.support.cloud import CloudTenant
from tests.support.fakes import NOW
from tests.support.incident import read


@pytest.fixture
def tenant() -> CloudTenant:
    return CloudTenant("leaked_key")


async def trace(tenant: CloudTenant) -> KeyTrace:
    found = await read(tenant, TraceKey, key=tenant.lab.scenario_info()["accounts"]["key"])
    assert isinstance(found, KeyTrace)
    return found


async def contain(tenant: CloudTenant, found: KeyTrace) -> None:
    identity, cloud = tenant.more["cloud_identity"], tenant.more["cloud"]
    for key in found.keys:
        await identity.set_key_active(key.ref, False)
    for principal in found.principals:
        await identity.set_denied(principal.ref, True)
    for name in found.sessions:
        await identity.cut_sessions(name, NOW)
    for trust in found.trusts:
        await identity.set_trust(trust.ref, {"Statement": []})
    for policy in found.policies:
        await identity.detach_policy(policy.ref, policy.policy)
    for one in found.instances:
        instance = await cloud.instance(one.ref)
        group = await cloud.create_isolation_group(instance.region, instance.interfaces[0].network)
        await cloud.set_groups(instance.interfaces[0].id, [group.id])
    for trail in found.trails:
        await tenant.more["cloud_logs"].set_recording(trail.ref, True)


async def test_contained_is_proven_point_by_point(tenant: CloudTenant) -> None:
    found = await trace(tenant)
    await contain(tenant, found)
    proven = await read(tenant, VerifyContained, trace=found.model_dump(), patience=0)
    assert proven.contained
    assert len(proven.proofs) >= 12
    assert proven.dwell_minutes == 540
    assert any("isolated machines" in caveat for caveat in proven.caveats)


@pytest.mark.parametrize("left", ["keys", "principals", "sessions", "policies", "instances", "trails", "trusts"])
async def test_one_point_that_does_not_hold_is_enough(tenant: CloudTenant, left: str) -> None:
    found = await trace(tenant)
    await contain(tenant, found.model_copy(update={left: []}))
    with pytest.raises(NotVerified):
        await read(tenant, VerifyContained, trace=found.model_dump(), patience=0)


async def test_a_machine_where_nothing_is_looked_for_is_not_contained_until_it_is(
    tenant: CloudTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = tenant.more["cloud_identity"]
    real = identity.caller
    regions = ["eu-central-1"]

    async def caller() -> Any:
        return (await real()).model_copy(update={"regions": tuple(regions)})

    monkeypatch.setattr(identity, "caller", caller)
    found = await trace(tenant)
    (away,) = found.elsewhere
    assert away.region == "us-east-1"
    await contain(tenant, found)
    with pytest.raises(NotVerified, match="us-east-1") as caught:
        await read(tenant, VerifyContained, trace=found.model_dump(), patience=0)
    assert "tenant's file" in caught.value.remedy
    regions.append(away.region)  # the file names it now
    with pytest.raises(NotVerified, match="not isolated"):
        await read(tenant, VerifyContained, trace=found.model_dump(), patience=0)
    await contain(tenant, found.model_copy(update={"instances": found.elsewhere}))
    assert (await read(tenant, VerifyContained, trace=found.model_dump(), patience=0)).contained


async def test_a_plan_never_says_contained(tenant: CloudTenant) -> None:
    found = await trace(tenant)
    proven = await read(tenant, VerifyContained, mode="plan", trace=found.model_dump(), patience=0)
    assert not proven.contained
    assert proven.removed
