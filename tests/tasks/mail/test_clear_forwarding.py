from __future__ import annotations

import pytest

from tasks.mail.clear_forwarding import ClearForwarding
from tenantry.capabilities import Forwarding
from tenantry.errors import Conflict
from tenantry.task import Outcome
from tests.support.effects import Case, ContestedEffectContract, drive
from tests.support.fakes import FakeTenant

OUT = Forwarding(smtp_address="smtp:Drop@evil.example", keep_copy=True)


def prepare(tenant: FakeTenant) -> dict[str, str]:
    account = tenant.add_account("alice")
    tenant.mail.forwarding_of[account.id] = OUT
    return {"account": account.upn, "address": "drop@evil.example"}


def elsewhere(tenant: FakeTenant) -> None:
    tenant.mail.forwarding_of["id-alice"] = Forwarding(smtp_address="own@home.example")


class TestClearForwarding(ContestedEffectContract):
    case = Case(
        task=ClearForwarding,
        prepare=prepare,
        writes=[("set_forwarding", "id-alice", None)],
        undo_writes=[("set_forwarding", "id-alice", "smtp:Drop@evil.example")],
        seen=lambda tenant: tenant.mail.forwarding_of["id-alice"],
        upsets=elsewhere,
        foothold=True,
    )


async def test_somebody_elses_forwarding_is_not_cleared():
    tenant = FakeTenant()
    params = prepare(tenant)
    elsewhere(tenant)
    with pytest.raises(Conflict):
        await drive(tenant, ClearForwarding(), params)
    assert tenant.writes == []


async def test_no_forwarding_is_already():
    tenant = FakeTenant()
    tenant.add_account("alice")
    assert (await drive(tenant, ClearForwarding(), {"account": "id-alice"})).outcome is Outcome.ALREADY
