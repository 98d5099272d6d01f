from __future__ import annotations

import pytest

from tasks.host.lock_account import LockAccount
from tenantry.errors import Conflict, TargetNotFound
from tenantry.task import Outcome
from tests.support.effects import Case, ContestedEffectContract, drive, undo
from tests.support.fake_host import web
from tests.support.fakes import FakeTenant


def upset(tenant: FakeTenant) -> None:
    account = web(tenant).accounts["sysupd"]
    web(tenant).accounts["sysupd"] = account.model_copy(update={"expires": account.expires.replace(year=2000)})


class TestLockAccount(ContestedEffectContract):
    case = Case(
        task=LockAccount,
        prepare=lambda tenant: {"host": "web1", "account": "sysupd"},
        writes=[("lock_account", "sysupd", None), ("end_sessions", "sysupd", None)],
        undo_writes=[("unlock_account", "sysupd", (True, None))],
        seen=lambda tenant: web(tenant).accounts["sysupd"],
        upsets=upset,
        foothold=True,
    )


async def guards(tenant: FakeTenant, account: str) -> list[str]:
    task = LockAccount()
    return await task.guard(tenant.context(task), task.Params(host="web1", account=account))


async def test_the_account_that_we_are_signed_in_as_is_asked_about():
    assert any("the way in" in reason for reason in await guards(FakeTenant(), "responder"))


async def test_protected_accounts_by_name_and_by_name_and_host():
    tenant = FakeTenant(protected={"alice@web1"})
    assert await guards(tenant, "alice")
    assert await guards(FakeTenant(protected={"alice"}), "alice")
    assert await guards(FakeTenant(protected={"alice@db1"}), "alice") == []


async def test_the_last_account_that_administers_is_the_last_way_in():
    tenant = FakeTenant()
    for name in ("alice", "responder", "root"):
        web(tenant).lock(name)
    assert any("last way in" in reason for reason in await guards(tenant, "sysupd"))


async def test_an_account_that_only_runs_something_is_ended_and_not_locked_again():
    tenant = FakeTenant()
    web(tenant).lock("sysupd")
    made = await drive(tenant, LockAccount(), {"host": "web1", "account": "sysupd"})
    assert tenant.writes == [("end_sessions", "sysupd", None)]
    assert await undo(tenant, LockAccount(), {"host": "web1", "account": "sysupd"}, made.changes)


async def test_an_account_that_is_not_there():
    with pytest.raises(TargetNotFound):
        await drive(FakeTenant(), LockAccount(), {"host": "web1", "account": "nobody-here"})
    assert Conflict
    assert Outcome
