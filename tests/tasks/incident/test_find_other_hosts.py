from __future__ import annotations

from typing import Any

import pytest

from tasks.host.collect_activity import CollectActivity
from tasks.host.collect_persistence import CollectPersistence
from tasks.incident.attribute_host_artifacts import AttributeHostArtifacts
from tasks.incident.combine_hosts import CombineHosts
from tasks.incident.find_other_hosts import FindOtherHosts, OtherHosts
from tests.support.incident import read
from tests.support.ransom import RansomTenant


async def others(tenant: RansomTenant, **more: Any) -> OtherHosts:
    activity = await read(tenant, CollectActivity, host="web1", since=tenant.began)
    persistence = await read(tenant, CollectPersistence, host="web1")
    artifacts = await read(
        tenant,
        AttributeHostArtifacts,
        activity=activity.model_dump(),
        persistence=persistence.model_dump(),
        since=tenant.began,
        known_good_ips=["198.51.100.0/24"],
    )
    found = await read(tenant, CombineHosts, named=["web1"], artifacts=[artifacts.model_dump()])
    made = await read(tenant, FindOtherHosts, found=found.model_dump(), since=tenant.began, **more)
    assert isinstance(made, OtherHosts)
    assert tenant.writes == []
    return made


async def test_signs_no_signs_and_not_known() -> None:
    tenant = RansomTenant()
    found = await others(tenant)
    (host,) = found.hosts
    assert host.host == "mon1"
    assert len(host.signs) == 2, "the same key, the same line"
    assert found.without_signs == ["bastion"]
    assert [(one.host, one.why) for one in found.unread] == [("db1", "unreachable")]
    assert len(tenant.evidence.rows(found.evidence[0].name)) == 3


@pytest.mark.parametrize("sign", ["connection", "sign-in", "account", "process"])
async def test_each_sign_by_itself(sign: str) -> None:
    tenant = RansomTenant()
    web, other = tenant.web, tenant.lab.tenant.hosts["bastion"]
    if sign == "connection":
        other.connections = list(web.connections)
    elif sign == "sign-in":
        other.logins = [login for login in web.logins if login.success and login.origin.startswith("203.")][:1]
    elif sign == "account":
        other.accounts["sysupd"] = web.accounts["sysupd"]
    else:
        other.processes |= {id: one for id, one in web.processes.items() if one.account == "sysupd"}
    assert "bastion" in {host.host for host in (await others(tenant)).hosts}


async def test_those_that_are_looked_at_elsewhere_are_left_out() -> None:
    found = await others(RansomTenant(), leave_out=["db1", "mon1"])
    assert (found.hosts, found.unread, found.without_signs) == ([], [], ["bastion"])
