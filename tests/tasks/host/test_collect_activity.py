from __future__ import annotations

from datetime import timedelta

from tasks.host.collect_activity import CollectActivity
from tests.support.fakes import NOW, FakeTenant
from tests.support.incident import read


async def test_sign_ins_in_groups_and_processes_worth_a_look():
    tenant = FakeTenant()
    found = await read(tenant, CollectActivity, host="web1")
    theirs = [group for group in found.logins if group.origin == "203.0.113.66"]
    assert {(group.account, group.successes, group.failures) for group in theirs} == {
        ("deploy", 1, 0),
        ("root", 0, 3),
        ("root", 1, 0),
        ("sysupd", 1, 0),
    }
    assert {process.account for process in found.processes} == {"sysupd", "alice"}
    assert [connection.remote for connection in found.connections] == ["203.0.113.66"]
    assert [session.account for session in found.sessions] == ["sysupd"]
    assert len(tenant.evidence.rows("step/web1/logins.jsonl")) == 11
    assert tenant.writes == []


async def test_what_lies_before_is_read_to_know_what_is_ordinary():
    since = NOW - timedelta(hours=30)
    found = await read(FakeTenant(), CollectActivity, host="web1", since=since.isoformat())
    assert found.oldest_login is not None
    assert found.oldest_login < since
    none = await read(FakeTenant(), CollectActivity, host="web1", since=since.isoformat(), baseline_days=0)
    assert none.oldest_login >= since
