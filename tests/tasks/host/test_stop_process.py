from __future__ import annotations

from tasks.host.stop_process import StopProcess
from tenantry.task import Outcome
from tests.support.effects import Case, EffectContract, drive
from tests.support.fake_host import implant, web
from tests.support.fakes import FakeTenant

ID = implant(FakeTenant())


class TestStopProcess(EffectContract):
    case = Case(
        task=StopProcess,
        prepare=lambda tenant: {"host": "web1", "process": implant(tenant)},
        writes=[("signal_stop", ID, None), ("signal_kill", ID, None)],
        undo_writes=None,
        foothold=True,
    )


async def test_one_that_is_halted_already_is_only_killed():
    tenant = FakeTenant()
    web(tenant).set_state(ID, "T")
    await drive(tenant, StopProcess(), {"host": "web1", "process": ID})
    assert tenant.writes == [("signal_kill", ID, None)]


async def test_another_process_with_the_same_number_is_left_alone():
    tenant = FakeTenant()
    made = await drive(tenant, StopProcess(), {"host": "web1", "process": f"{ID.split(':')[0]}:1"})
    assert made.outcome is Outcome.ALREADY
    assert tenant.writes == []
