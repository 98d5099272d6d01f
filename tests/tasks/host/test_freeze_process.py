from __future__ import annotations

from tasks.host.freeze_process import FreezeProcess
from tenantry.task import Outcome
from tests.support.effects import Case, EffectContract, drive
from tests.support.fake_host import implant, web
from tests.support.fakes import FakeTenant

ID = implant(FakeTenant())


class TestFreezeProcess(EffectContract):
    case = Case(
        task=FreezeProcess,
        prepare=lambda tenant: {"host": "web1", "process": implant(tenant)},
        writes=[("signal_stop", ID, None)],
        undo_writes=[("signal_continue", ID, None)],
        seen=lambda tenant: {id: one.state for id, one in web(tenant).processes.items()},
        foothold=True,
    )


async def test_a_process_that_is_gone_counts_as_halted():
    made = await drive(FakeTenant(), FreezeProcess(), {"host": "web1", "process": "1:1"})
    assert made.outcome is Outcome.ALREADY


async def test_an_sshd_and_the_first_process_are_asked_about():
    tenant, task = FakeTenant(), FreezeProcess()
    sshd = next(one for one in web(tenant).processes.values() if one.name == "sshd")
    assert await task.guard(tenant.context(task), task.Params(host="web1", process=sshd.id))
    web(tenant).processes["1:1"] = sshd.model_copy(update={"id": "1:1", "pid": 1, "name": "init"})
    assert await task.guard(tenant.context(task), task.Params(host="web1", process="1:1"))
    assert await task.guard(tenant.context(task), task.Params(host="web1", process=ID)) == []
