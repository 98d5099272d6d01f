from __future__ import annotations

import pytest

from tasks.incident.verify_host_contained import VerifyHostContained
from tenantry.errors import NotVerified
from tests.support.fake_host import implant, web
from tests.support.fakes import FakeTenant
from tests.support.incident import read
from tests.tasks.incident.test_attribute_host_artifacts import attribute


async def contain(tenant: FakeTenant, artifacts) -> None:
    host = tenant.host
    await host.isolate("web1", [])
    for thing in artifacts.keys:
        await host.set_key_enabled("web1", web(tenant).keys[thing.id], False)
    for thing in artifacts.cron:
        await host.set_cron_enabled("web1", web(tenant).cron[thing.id], False)
    for thing in artifacts.units:
        await host.set_unit_enabled("web1", web(tenant).units[thing.id], False)
    await host.signal("web1", implant(tenant), "kill")
    for thing in artifacts.accounts:
        await host.lock_account("web1", thing.id)


async def test_everything_is_read_again():
    tenant = FakeTenant()
    artifacts = await attribute(tenant)
    await contain(tenant, artifacts)
    found = await read(tenant, VerifyHostContained, artifacts=artifacts, probe="mon1")
    assert found.contained
    assert {proof.state for proof in found.proofs} == {"seen"}
    assert any("could not be told" in line for line in found.caveats)


@pytest.mark.parametrize("what", ["isolation", "key", "cron", "unit", "process", "account"])
async def test_one_thing_that_is_back_is_a_failure(what):
    tenant = FakeTenant()
    artifacts = await attribute(tenant)
    before = web(tenant)
    process = before.processes[implant(tenant)]
    await contain(tenant, artifacts)
    if what == "isolation":
        await tenant.host.release("web1")
    elif what == "key":
        await tenant.host.set_key_enabled("web1", before.keys[artifacts.keys[0].id], True)
    elif what == "cron":
        await tenant.host.set_cron_enabled("web1", before.cron[artifacts.cron[0].id], True)
    elif what == "unit":
        unit = before.units[artifacts.units[0].id]
        await tenant.host.set_unit_enabled("web1", unit.model_copy(update={"enabled": "enabled"}), True)
    elif what == "process":
        before.processes[process.id] = process
    else:
        await tenant.host.unlock_account("web1", "sysupd", password=True, expires=None)
    with pytest.raises(NotVerified):
        await read(tenant, VerifyHostContained, artifacts=artifacts)


async def test_a_plan_is_not_held_against_what_it_did_not_do():
    tenant = FakeTenant()
    artifacts = await attribute(tenant)
    assert (await read(tenant, VerifyHostContained, mode="plan", artifacts=artifacts)).contained
