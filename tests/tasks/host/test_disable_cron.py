from __future__ import annotations

from tasks.host.disable_cron import DisableCron
from tenantry.task import Outcome
from tests.support.effects import Case, ContestedEffectContract, drive
from tests.support.fake_host import web
from tests.support.fakes import FakeTenant


def entry(tenant: FakeTenant) -> str:
    return next(one.id for one in web(tenant).cron.values() if one.path == "/etc/cron.d/0sync")


ENTRY = entry(FakeTenant())


class TestDisableCron(ContestedEffectContract):
    case = Case(
        task=DisableCron,
        prepare=lambda tenant: {"host": "web1", "entry_id": entry(tenant)},
        writes=[("set_cron_enabled", ENTRY, False)],
        undo_writes=[("set_cron_enabled", ENTRY, True)],
        seen=lambda tenant: {id: one.enabled for id, one in web(tenant).cron.items()},
        upsets=lambda tenant: web(tenant).cron.clear(),
        foothold=True,
    )


async def test_an_entry_that_is_gone_counts_as_out_of_force():
    made = await drive(FakeTenant(), DisableCron(), {"host": "web1", "entry_id": "/gone#0"})
    assert made.outcome is Outcome.ALREADY
