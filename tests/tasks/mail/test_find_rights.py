from __future__ import annotations

import pytest

from tasks.mail.find_rights import FindRights
from tenantry.capabilities import Delegate
from tenantry.errors import CannotCheck
from tests.support.fakes import FakeTenant
from tests.support.incident import read


def right(trustee: str, kind: str = "full_access", folder: str | None = None) -> Delegate:
    return Delegate.model_validate(
        {"kind": kind, "trustee": trustee, "rights": ("X",), "folder": folder, "raw": {"by": trustee, "on": kind}}
    )


def office() -> FakeTenant:
    tenant = FakeTenant()
    for name in ("alice", "bob", "info", "nobody"):
        tenant.add_account(name)
    tenant.mail.without.add("id-nobody")
    tenant.mail.delegate_list = {
        "id-bob": [right("alice@acme.example"), right("carol@acme.example")],
        "id-info": [right("alice@acme.example", "send_as"), right("alice@acme.example", "folder", "Calendar")],
        "id-alice": [right("alice@acme.example")],
    }
    return tenant


async def test_every_mailbox_of_others_is_asked():
    tenant = office()
    found = await read(tenant, FindRights, account="alice@acme.example")
    assert [one.id for one in found.rights] == [
        "id-bob/full_access:alice@acme.example",
        "id-info/send_as:alice@acme.example",
        "id-info/folder:alice@acme.example:Calendar",
    ]
    assert [(one.account, one.upn) for one in found.rights[:2]] == [
        ("id-bob", "bob@acme.example"),
        ("id-info", "info@acme.example"),
    ]
    assert found.mailboxes == 2, "the account's own is not counted, nor who has none"
    rows = tenant.evidence.rows("step/mailbox/id-alice/rights-on-others.jsonl")
    assert [(row["mailbox"], row["on"]) for row in rows[:1]] == [("bob@acme.example", "full_access")]


async def test_rights_under_the_address_that_the_mailbox_sends_from_are_found():
    tenant = office()
    look = await tenant.mail.appearance("id-alice")
    tenant.mail.appearance_of["id-alice"] = look.model_copy(update={"address": "sales@acme.example"})
    tenant.mail.delegate_list["id-bob"] = [right("sales@acme.example")]
    assert (await read(tenant, FindRights, account="id-alice")).rights[0].trustee == "sales@acme.example"


async def test_who_has_no_mailbox_may_have_rights():
    tenant = office()
    tenant.mail.without.add("id-alice")
    assert len((await read(tenant, FindRights, account="id-alice")).rights) == 3


async def test_a_mailbox_that_cannot_be_asked_is_no_clean_one(monkeypatch: pytest.MonkeyPatch):
    tenant = office()
    real = tenant.mail.delegates

    async def delegates(mailbox: str):
        if mailbox == "id-info":
            raise CannotCheck("Exchange does not answer")
        return await real(mailbox)

    monkeypatch.setattr(tenant.mail, "delegates", delegates)
    with pytest.raises(CannotCheck):
        await read(tenant, FindRights, account="id-alice")
