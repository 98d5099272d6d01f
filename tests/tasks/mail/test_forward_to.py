from __future__ import annotations

import pytest

from tasks.mail.forward_to import ForwardTo
from tenantry.capabilities import Forwarding
from tenantry.errors import InvalidInput, TargetNotFound
from tests.support.effects import Case, ContestedEffectContract, drive
from tests.support.fakes import FakeTenant


def prepare(tenant: FakeTenant) -> dict[str, str]:
    account, manager = tenant.add_account("alice"), tenant.add_account("Mona")
    tenant.mail.forwarding_of[account.id] = Forwarding(smtp_address="home@private.example")
    return {"account": account.upn, "to": manager.id}


def elsewhere(tenant: FakeTenant) -> None:
    tenant.mail.forwarding_of["id-alice"] = Forwarding(smtp_address="third@acme.example")


class TestForwardTo(ContestedEffectContract):
    case = Case(
        task=ForwardTo,
        prepare=prepare,
        writes=[("set_forwarding", "id-alice", "mona@acme.example")],
        undo_writes=[("set_forwarding", "id-alice", "home@private.example")],
        seen=lambda tenant: tenant.mail.forwarding_of["id-alice"].smtp_address,
        upsets=elsewhere,
    )


async def test_as_the_vendor_writes_an_address_it_is_the_same_one():
    tenant = FakeTenant()
    params = prepare(tenant)
    tenant.mail.forwarding_of["id-alice"] = Forwarding(smtp_address="smtp:Mona@Acme.example", keep_copy=True)
    assert (await drive(tenant, ForwardTo(), params)).changes == []


async def test_where_it_goes_is_the_address_of_the_mailbox_not_the_name_to_sign_in_with():
    tenant = FakeTenant()
    params = prepare(tenant)
    plain = await tenant.mail.appearance(params["to"])
    tenant.mail.appearance_of[params["to"]] = plain.model_copy(update={"address": "mona.m@acme.example"})
    [change] = (await drive(tenant, ForwardTo(), params)).changes
    assert change.after == {"address": None, "smtp_address": "mona.m@acme.example", "keep_copy": True}


async def test_nobody_is_forwarded_to_themselves_or_to_somebody_without_a_mailbox():
    tenant = FakeTenant()
    params = prepare(tenant)
    with pytest.raises(InvalidInput, match="itself"):
        await drive(tenant, ForwardTo(), {**params, "to": params["account"]})
    tenant.mail.without.add(params["to"])
    with pytest.raises(TargetNotFound):
        await drive(tenant, ForwardTo(), params)
    with pytest.raises(TargetNotFound):
        await drive(tenant, ForwardTo(), {**params, "to": "drop@evil.example"})
    assert tenant.writes == []
