from __future__ import annotations

import pytest

from tasks.mail.give_full_access import GiveFullAccess
from tenantry.capabilities import Delegate
from tenantry.errors import InvalidInput
from tests.support.effects import Case, ContestedEffectContract, drive
from tests.support.fakes import FakeTenant


def delegate(trustee: str, *rights: str) -> Delegate:
    return Delegate(kind="full_access", trustee=trustee, rights=rights or ("FullAccess",), raw={})


def prepare(tenant: FakeTenant) -> dict[str, str]:
    account, manager = tenant.add_account("alice"), tenant.add_account("Mona")
    tenant.mail.delegate_list[account.id] = [delegate("assistant@acme.example")]
    return {"account": account.upn, "trustee": manager.id}


def other_rights(tenant: FakeTenant) -> None:
    held = tenant.mail.delegate_list["id-alice"]
    held[:] = [held[0], delegate(held[1].trustee, "FullAccess", "ReadPermission")]


KEY = "id-alice/full_access:mona@acme.example"


class TestGiveFullAccess(ContestedEffectContract):
    case = Case(
        task=GiveFullAccess,
        prepare=prepare,
        writes=[("add_delegate", KEY, None)],
        undo_writes=[("remove_delegate", KEY, None)],
        seen=lambda tenant: sorted((d.key, d.rights) for d in tenant.mail.delegate_list["id-alice"]),
        upsets=other_rights,
    )


async def test_a_right_to_read_alone_is_not_full_access():
    tenant = FakeTenant()
    params = prepare(tenant)
    tenant.mail.delegate_list["id-alice"].append(delegate("mona@acme.example", "ReadPermission"))
    [change] = (await drive(tenant, GiveFullAccess(), params, mode="plan")).changes
    assert (change.before, change.after) == (["ReadPermission"], ["FullAccess", "ReadPermission"])


async def test_nobody_is_given_their_own_mailbox():
    tenant = FakeTenant()
    account = tenant.add_account("alice")
    with pytest.raises(InvalidInput, match="their own mailbox"):
        await drive(tenant, GiveFullAccess(), {"account": account.upn, "trustee": account.id})
