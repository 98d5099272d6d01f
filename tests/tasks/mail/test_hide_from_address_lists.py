from __future__ import annotations

import pytest

from tasks.mail.hide_from_address_lists import HideFromAddressLists
from tenantry.errors import MasteredOnPremises
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import FakeTenant


def prepare(tenant: FakeTenant) -> dict[str, str]:
    return {"account": tenant.add_account("alice").upn}


class TestHideFromAddressLists(EffectContract):
    case = Case(
        task=HideFromAddressLists,
        prepare=prepare,
        writes=[("set_hidden", "id-alice", True)],
        undo_writes=[("set_hidden", "id-alice", False)],
        seen=lambda tenant: [one.hidden for one in tenant.mail.appearance_of.values() if one.hidden],
    )


async def test_who_is_synced_is_hidden_on_premises_and_nothing_is_tried():
    tenant = FakeTenant()
    params = prepare(tenant)
    plain = await tenant.mail.appearance("id-alice")
    tenant.mail.appearance_of["id-alice"] = plain.model_copy(update={"synced": True})
    for mode in ("plan", "run"):
        with pytest.raises(MasteredOnPremises):
            await drive(tenant, HideFromAddressLists(), params, mode=mode)
    assert tenant.writes == []
    tenant.mail.appearance_of["id-alice"] = plain.model_copy(update={"synced": True, "hidden": True})
    assert (await drive(tenant, HideFromAddressLists(), params)).changes == []
