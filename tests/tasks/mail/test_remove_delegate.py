from __future__ import annotations

from tasks.mail.remove_delegate import RemoveDelegate
from tenantry.capabilities import Delegate
from tests.support.effects import Case, ContestedEffectContract, drive
from tests.support.fakes import FakeTenant


def delegate(trustee: str, kind: str = "full_access", rights: tuple[str, ...] = ("FullAccess",), **more) -> Delegate:
    return Delegate(kind=kind, trustee=trustee, rights=rights, raw={"User": trustee}, **more)


def prepare(tenant: FakeTenant) -> dict[str, str]:
    account = tenant.add_account("alice")
    tenant.mail.delegate_list[account.id] = [
        delegate("mallory@acme.example"),
        delegate("mallory@acme.example", "send_as", ("SendAs",)),
        delegate("assistant@acme.example"),
    ]
    return {"account": account.upn, "kind": "full_access", "trustee": "Mallory@acme.example"}


def other_rights(tenant: FakeTenant) -> None:
    tenant.mail.delegate_list["id-alice"].append(delegate("mallory@acme.example", rights=("ReadPermission",)))


class TestRemoveDelegate(ContestedEffectContract):
    case = Case(
        task=RemoveDelegate,
        prepare=prepare,
        writes=[("remove_delegate", "id-alice/full_access:mallory@acme.example", None)],
        undo_writes=[("add_delegate", "id-alice/full_access:mallory@acme.example", None)],
        seen=lambda tenant: sorted((d.key, d.rights) for d in tenant.mail.delegate_list["id-alice"]),
        upsets=other_rights,
        foothold=True,
    )


async def test_other_rights_and_other_delegates_stay():
    tenant = FakeTenant()
    await drive(tenant, RemoveDelegate(), prepare(tenant))
    assert [d.key for d in tenant.mail.delegate_list["id-alice"]] == [
        "send_as:mallory@acme.example",
        "full_access:assistant@acme.example",
    ]


async def test_a_right_on_one_folder_is_that_folders():
    tenant = FakeTenant()
    account = tenant.add_account("alice")
    tenant.mail.delegate_list[account.id] = [
        delegate("m@acme.example", "folder", ("Editor",), folder="Inbox"),
        delegate("m@acme.example", "folder", ("Reviewer",), folder="Calendar"),
    ]
    params = {"account": account.id, "kind": "folder", "trustee": "m@acme.example", "folder": "Inbox"}
    await drive(tenant, RemoveDelegate(), params)
    assert [d.folder for d in tenant.mail.delegate_list[account.id]] == ["Calendar"]
