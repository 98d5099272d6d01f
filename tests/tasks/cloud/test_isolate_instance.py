from __future__ import annotations

import pytest

from tasks.cloud.isolate_instance import IsolateInstance
from tenantry.errors import Conflict
from tests.support.cloud import CloudTenant
from tests.support.effects import drive, undo


@pytest.fixture
def tenant() -> CloudTenant:
    return CloudTenant()


def groups(tenant: CloudTenant, instance: str) -> list[str]:
    (interface,) = tenant.seen("instances", instance)["interfaces"]
    return list(tenant.seen("interfaces", interface)["groups"])


async def test_the_four_runs(tenant: CloudTenant) -> None:
    task, params = IsolateInstance(), {"instance": tenant.machine()}
    before = groups(tenant, params["instance"])
    planned = await drive(tenant, task, params, mode="plan")
    assert tenant.writes == []
    after = {change.path: change.after for change in planned.changes}
    assert (await drive(tenant, task, params, mode="plan", planned=after)).changes == []
    made = await drive(tenant, task, params)
    assert [change.path for change in made.changes] == [change.path for change in planned.changes]
    assert [method for method, *_ in tenant.writes] == ["create_isolation_group", "set_groups"]
    (group,) = groups(tenant, params["instance"])
    assert (tenant.seen("groups", group)["ingress"], tenant.seen("groups", group)["egress"]) == (0, 0)
    assert (await drive(tenant, task, params, intent_at=made.intent_at)).changes == []
    assert len(tenant.writes) == 2
    assert await undo(tenant, task, params, made.changes)
    assert await undo(tenant, task, params, made.changes)
    assert groups(tenant, params["instance"]) == before
    assert len(tenant.writes) == 3


async def test_a_group_that_somebody_opened_is_closed_again(tenant: CloudTenant) -> None:
    params = {"instance": tenant.machine()}
    await drive(tenant, IsolateInstance(), params)
    (group,) = groups(tenant, params["instance"])
    tenant.account.truth("groups", group).props["egress"] = 1
    assert (await drive(tenant, IsolateInstance(), params)).changes
    assert tenant.seen("groups", group)["egress"] == 0


async def test_undo_never_overwrites_somebody_elses_change(tenant: CloudTenant) -> None:
    params = {"instance": tenant.machine()}
    made = await drive(tenant, IsolateInstance(), params)
    (interface,) = tenant.seen("instances", params["instance"])["interfaces"]
    tenant.account.add("groups", "sg-third", {"region": "x", "network": "x", "name": "x", "ingress": 1, "egress": 1})
    tenant.account.truth("interfaces", interface).props["groups"] = ["sg-third"]
    with pytest.raises(Conflict):
        await undo(tenant, IsolateInstance(), params, made.changes)


async def test_a_responders_machine_is_asked_about(tenant: CloudTenant) -> None:
    task, p = IsolateInstance(), IsolateInstance.Params(instance=tenant.machine())
    assert await task.guard(tenant.context(task), p) == []
    tenant.protected = {"WEB-1", "DB-1"}
    assert await task.guard(tenant.context(task), p)
