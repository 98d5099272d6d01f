from __future__ import annotations

import pytest

from tasks.host.isolate import Isolate
from tenantry.capabilities import Isolation
from tenantry.errors import NotVerified
from tests.support.effects import Case, EffectContract, drive
from tests.support.fake_host import web
from tests.support.fakes import FakeTenant


class TestIsolate(EffectContract):
    case = Case(
        task=Isolate,
        prepare=lambda tenant: {"host": "web1", "allowed": ["192.0.2.9"], "probe": "mon1"},
        writes=[("isolate", "web1", ("192.0.2.9",))],
        undo_writes=[("release", "web1", None)],
        seen=lambda tenant: web(tenant).isolation,
    )


async def test_rules_in_force_while_another_host_gets_in_are_no_isolation(monkeypatch):
    tenant = FakeTenant()

    async def gets_in(host: str, other: str) -> bool:
        return True

    monkeypatch.setattr(tenant.host, "reaches", gets_in)
    with pytest.raises(NotVerified):
        await drive(tenant, Isolate(), {"host": "web1", "probe": "mon1"})


async def test_an_isolation_that_was_not_confirmed_is_made_again():
    tenant, task = FakeTenant(), Isolate()
    web(tenant).isolation = Isolation(active=True, confirmed=False, allowed=())
    assert await task.check(tenant.context(task), task.Params(host="web1"))


async def test_a_host_through_which_others_are_reached_is_asked_about():
    tenant, task = FakeTenant(), Isolate()
    assert await task.guard(tenant.context(task), task.Params(host="bastion"))
    assert await task.guard(tenant.context(task), task.Params(host="web1")) == []


@pytest.mark.parametrize("wrong", ["here", "10.0.0.1; flush ruleset", "", "10.0.0.1/8/8"])
def test_what_is_no_address_is_refused_by_name(wrong):
    with pytest.raises(ValueError):
        Isolate.Params(host="web1", allowed=[wrong])
