from __future__ import annotations

from tasks.host.apply_updates import ApplyUpdates
from tenantry.capabilities import Update
from tests.support.effects import Case, EffectContract, drive
from tests.support.fake_host import web
from tests.support.fakes import FakeTenant


def prepare(tenant: FakeTenant) -> dict[str, str]:
    web(tenant).updates["openssl"] = Update(id="openssl", present="3.0.15-1", offered="3.0.16-1", security=False)
    return {"host": "web1"}


class TestApplyUpdates(EffectContract):
    case = Case(
        task=ApplyUpdates,
        prepare=prepare,
        writes=[("install_updates", "sudo", "1.9.13p3-1+deb12u2")],
        undo_writes=None,
    )


async def test_all_updates_when_asked_for():
    tenant = FakeTenant()
    await drive(tenant, ApplyUpdates(), {**prepare(tenant), "security_only": False})
    assert [what for _, what, _ in tenant.writes] == ["sudo", "openssl"]
    assert web(tenant).updates == {}


async def test_what_came_since_the_check_is_not_installed():
    tenant, task = FakeTenant(), ApplyUpdates()
    params = task.Params(host="web1")
    changes = await task.check(tenant.context(task), params)
    web(tenant).updates["curl"] = Update(id="curl", present="1", offered="2", security=True)
    await task.apply(tenant.context(task), params, changes)
    assert [what for _, what, _ in tenant.writes] == ["sudo"]
    assert await task.verify(tenant.context(task), params, changes) == []
