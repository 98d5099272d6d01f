from __future__ import annotations

from tasks.host.read_host import ReadHost
from tests.support.fakes import FakeTenant
from tests.support.incident import read


async def test_the_host_and_its_neighbours():
    tenant = FakeTenant()
    found = await read(tenant, ReadHost, host="web1")
    assert found.facts.hostname == "web1"
    assert not found.isolation.active
    assert not found.gateway
    assert {other.id for other in found.others} == {"db1", "mon1", "bastion"}
    assert (await read(tenant, ReadHost, host="bastion")).gateway
    assert tenant.writes == []
