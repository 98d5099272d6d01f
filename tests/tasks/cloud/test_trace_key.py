from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from integrations.lab.cloud.logs import event
from tasks.cloud.trace_key import TraceKey
from tests.support.cloud import CloudTenant
from tests.support.fakes import NOW
from tests.support.incident import read

BAD, OWN = "203.0.113.9", "198.51.100.20"


@pytest.fixture
def tenant() -> CloudTenant:
    return CloudTenant()


def act(tenant: CloudTenant, number: int, operation: str, *, ip: str = BAD, days: float = 0.2, **facts: Any) -> str:
    facts.setdefault("access_key", KEY(tenant))
    return str(event(tenant.account, number, NOW - timedelta(days=days), operation, ip=ip, **facts)["id"])


def KEY(tenant: CloudTenant) -> str:  # reads as the constant that it is within one tenant
    return next(r.id for r in tenant.account.table("keys") if r.props["owner"] == "user/ci-deploy")


async def traced(tenant: CloudTenant, **params: Any) -> Any:
    return await read(tenant, TraceKey, key=KEY(tenant), **params)


async def test_nothing_in_the_log_is_said_and_not_called_clean(tenant: CloudTenant) -> None:
    found = await traced(tenant)
    assert (found.verdict, found.first, [key.ref for key in found.keys]) == ("nothing_seen", None, [KEY(tenant)])
    assert found.limits


async def test_without_a_known_address_nothing_is_attributed(tenant: CloudTenant) -> None:
    tenant.account.principal("user", "odd")
    act(tenant, 1, "CreateUser", request={"userName": "odd"})
    found = await traced(tenant)
    assert (found.verdict, found.principals, found.attacker_ips) == ("could_not_tell", [], [])
    assert any("CreateUser" in one.label for one in found.for_person)


async def test_the_first_third_tells_the_clients_own_addresses(tenant: CloudTenant) -> None:
    act(tenant, 1, "ListUsers", ip=OWN, days=25)
    act(tenant, 2, "CreateUser", ip=OWN, request={"userName": "hired"})
    tenant.account.principal("user", "odd")
    first = act(tenant, 3, "CreateUser", request={"userName": "odd"})
    found = await traced(tenant)
    assert found.verdict == "misused"
    assert [(one.ref, one.evidence_ids) for one in found.principals] == [("user/odd", [first])]
    assert any("CreateUser" in one.label for one in found.kept)
    assert found.own_ips == [OWN]


async def test_a_named_bad_address_counts_more_than_an_old_one(tenant: CloudTenant) -> None:
    act(tenant, 1, "ListUsers", ip=OWN, days=25)
    act(tenant, 2, "StopLogging", ip=OWN, request={"name": "all"})
    found = await traced(tenant, known_bad_ips=["198.51.100.0/24"])
    assert [trail.ref for trail in found.trails] == ["all"]


async def test_keys_that_were_made_are_followed_and_sessions_too(tenant: CloudTenant) -> None:
    tenant.account.principal("user", "odd")
    made = tenant.account.key("user/odd", "made")
    machine = tenant.account.machine("miner", at=NOW)
    act(tenant, 1, "CreateAccessKey", request={"userName": "odd"}, response={"accessKey": {"accessKeyId": made}})
    role = f"arn:aws:iam::{tenant.account.id}:role/build"
    act(
        tenant,
        2,
        "AssumeRole",
        request={"roleArn": role},
        response={"credentials": {"accessKeyId": "ASIA1"}},
        access_key=made,
    )
    act(tenant, 3, "RunInstances", access_key="ASIA1", response={"instancesSet": {"items": [{"instanceId": machine}]}})
    found = await traced(tenant, known_good_ips=[OWN])
    assert {key.ref for key in found.keys} == {KEY(tenant), made}
    assert [one.ref for one in found.instances] == [machine]
    assert set(found.sessions) == {"user/ci-deploy", "role/build"}


async def test_what_is_gone_or_failed_is_not_listed(tenant: CloudTenant) -> None:
    act(tenant, 1, "CreateUser", request={"userName": "gone"})
    act(tenant, 2, "CreateUser", request={"userName": "dana.ops"}, error="AccessDenied")
    found = await traced(tenant, known_good_ips=[OWN])
    assert (found.verdict, found.principals) == ("misused", [])


async def test_calls_of_the_vendors_own_services_go_to_a_person(tenant: CloudTenant) -> None:
    act(tenant, 1, "CreateStack", ip="cloudformation.amazonaws.com")
    found = await traced(tenant, known_good_ips=[OWN])
    assert (found.verdict, len(found.for_person)) == ("could_not_tell", 1)


async def test_two_strangers_in_a_trust_are_for_a_person(tenant: CloudTenant) -> None:
    strangers = ["arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:root"]
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": strangers}, "Action": "sts:AssumeRole"}]}
    tenant.account.truth("principals", "role/build").props["trust"] = trust
    act(tenant, 1, "UpdateAssumeRolePolicy", request={"roleName": "build"})
    found = await traced(tenant, known_good_ips=[OWN])
    assert found.trusts == []
    assert any("role/build" in one.label for one in found.for_person)


async def test_a_role_of_another_account_is_for_a_person_and_stops_nothing(tenant: CloudTenant) -> None:
    role = "arn:aws:iam::111122223333:role/production"
    act(tenant, 1, "AssumeRole", request={"roleArn": role}, response={"credentials": {"accessKeyId": "ASIA1"}})
    found = await traced(tenant, known_good_ips=[OWN])
    assert found.sessions == ["user/ci-deploy"]
    assert any(role in one.label and "that account" in one.reason for one in found.for_person)


async def test_a_machine_where_nothing_is_looked_for_is_not_called_gone(
    tenant: CloudTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {"instancesSet": {"items": [{"instanceId": "i-0far"}]}}
    act(tenant, 1, "RunInstances", region="us-east-1", response=made)
    real = tenant.more["cloud_identity"].caller

    async def caller() -> Any:
        return (await real()).model_copy(update={"regions": ("eu-central-1",)})

    monkeypatch.setattr(tenant.more["cloud_identity"], "caller", caller)
    found = await traced(tenant, known_good_ips=[OWN])
    assert found.instances == []
    assert any("i-0far in us-east-1" in one.label for one in found.for_person)
    assert any("eu-central-1 alone" in limit for limit in found.limits)
