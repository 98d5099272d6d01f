from __future__ import annotations

from tasks.host.quarantine_key import QuarantineKey
from tenantry.task import Outcome
from tests.support.effects import Case, ContestedEffectContract, drive
from tests.support.fake_host import key_of, web
from tests.support.fakes import FakeTenant


class TestQuarantineKey(ContestedEffectContract):
    case = Case(
        task=QuarantineKey,
        prepare=lambda tenant: {"host": "web1", "key_id": key_of(tenant, "sysupd").id},
        writes=[],
        undo_writes=[],
        seen=lambda tenant: {id: key.enabled for id, key in web(tenant).keys.items()},
        upsets=lambda tenant: web(tenant).keys.clear(),
        foothold=True,
    )

    async def test_run_changes_exactly_this(self, tenant, params, task):
        made = await drive(tenant, task, params)
        assert tenant.writes == [("set_key_enabled", params["key_id"], False)]
        before = made.changes[0].before
        assert before["line"] == key_of(tenant, "sysupd").line
        assert len(before["file_sha256"]) == 64

    async def test_undo_restores_or_says_why_not(self, tenant, params, task):
        before = self.case.seen(tenant)
        made = await drive(tenant, task, params)
        for _ in range(2):
            await task.undo(tenant.context(task), task.Params(**params), made.changes)
        assert self.case.seen(tenant) == before
        assert len(tenant.writes) == 2


async def guards(tenant: FakeTenant, account: str) -> list[str]:
    task = QuarantineKey()
    return await task.guard(tenant.context(task), task.Params(host="web1", key_id=key_of(tenant, account).id))


async def test_our_own_key_is_asked_about():
    tenant = FakeTenant()
    key = key_of(tenant, "root")
    web(tenant).facts = web(tenant).facts.model_copy(update={"responder_key": key.fingerprint})
    assert any("the way in" in reason for reason in await guards(tenant, "root"))
    assert await guards(tenant, "sysupd") == []


async def test_the_last_key_of_the_last_administrator_is_asked_about():
    tenant = FakeTenant()
    for name in ("alice", "responder", "root"):
        web(tenant).lock(name)
    assert any("last way in" in reason for reason in await guards(tenant, "sysupd"))


async def test_a_key_that_is_gone_counts_as_out_of_force():
    made = await drive(FakeTenant(), QuarantineKey(), {"host": "web1", "key_id": "/gone#SHA256:x"})
    assert made.outcome is Outcome.ALREADY
