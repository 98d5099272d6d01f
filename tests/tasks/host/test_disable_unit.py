from __future__ import annotations

from tasks.host.disable_unit import DisableUnit
from tenantry.capabilities.host import UNIT_ASIDE
from tenantry.task import Outcome
from tests.support.effects import Case, ContestedEffectContract, drive
from tests.support.fake_host import web
from tests.support.fakes import FakeTenant

UNIT = "sys-healthd.service"


def upset(tenant: FakeTenant) -> None:
    units = web(tenant).units
    units[UNIT] = units[UNIT].model_copy(update={"enabled": "disabled", "sha256": "0" * 64})


class TestDisableUnit(ContestedEffectContract):
    case = Case(
        task=DisableUnit,
        prepare=lambda tenant: {"host": "web1", "unit": UNIT},
        writes=[("set_unit_enabled", UNIT, False)],
        undo_writes=[("set_unit_enabled", UNIT, True)],
        seen=lambda tenant: dict(web(tenant).units),
        upsets=upset,
        foothold=True,
    )


async def test_a_unit_that_is_gone_counts_as_disabled():
    made = await drive(FakeTenant(), DisableUnit(), {"host": "web1", "unit": "gone.service"})
    assert made.outcome is Outcome.ALREADY


async def test_a_unit_whose_file_lies_aside_without_a_mask_is_not_done():
    tenant = FakeTenant()
    units = web(tenant).units
    units[UNIT] = units[UNIT].model_copy(update={"enabled": UNIT_ASIDE})
    made = await drive(tenant, DisableUnit(), {"host": "web1", "unit": UNIT})
    assert made.outcome is Outcome.CHANGED
    assert web(tenant).units[UNIT].enabled == "masked"


async def test_a_masked_unit_that_still_runs_is_not_done():
    tenant = FakeTenant()
    units = web(tenant).units
    units[UNIT] = units[UNIT].model_copy(update={"enabled": "masked", "active": "active"})
    task = DisableUnit()
    assert await task.check(tenant.context(task), task.Params(host="web1", unit=UNIT))


async def test_sshd_is_asked_about():
    tenant, task = FakeTenant(), DisableUnit()
    assert await task.guard(tenant.context(task), task.Params(host="web1", unit="ssh.service"))
    assert await task.guard(tenant.context(task), task.Params(host="web1", unit=UNIT)) == []
