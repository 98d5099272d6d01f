from __future__ import annotations

from tasks.mail.give_access import GiveAccess
from tenantry.capabilities import Delegate
from tenantry.task import Outcome
from tests.support.effects import Case, ContestedEffectContract, drive
from tests.support.fakes import FakeTenant

MANAGER = "kim@acme.example"


def held(trustee: str, rights: tuple[str, ...]) -> Delegate:
    return Delegate(kind="full_access", trustee=trustee, rights=rights, raw={})


def prepare(tenant: FakeTenant) -> dict[str, str]:
    account = tenant.add_account("alice")
    tenant.mail.delegate_list[account.id] = [held("assistant@acme.example", ("FullAccess",))]
    return {"account": account.upn, "trustee": "Kim@acme.example"}


def other_rights(tenant: FakeTenant) -> None:
    rows = [one for one in tenant.mail.delegate_list["id-alice"] if one.trustee != MANAGER]
    tenant.mail.delegate_list["id-alice"] = [*rows, held(MANAGER, ("FullAccess", "ReadPermission"))]


class TestGiveAccess(ContestedEffectContract):
    case = Case(
        task=GiveAccess,
        prepare=prepare,
        writes=[("add_delegate", f"id-alice/full_access:{MANAGER}", None)],
        undo_writes=[("remove_delegate", f"id-alice/full_access:{MANAGER}", None)],
        seen=lambda tenant: sorted((d.key, d.rights) for d in tenant.mail.delegate_list["id-alice"]),
        upsets=other_rights,
    )


async def test_who_may_already_is_given_nothing():
    tenant = FakeTenant()
    params = prepare(tenant) | {"trustee": "assistant@acme.example"}
    assert (await drive(tenant, GiveAccess(), params)).outcome is Outcome.ALREADY
