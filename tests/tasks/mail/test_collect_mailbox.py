from __future__ import annotations

import pytest

from tasks.mail.collect_mailbox import CollectMailbox
from tenantry.errors import VendorFault
from tests.support.incident import read, story


async def test_everything_that_is_set_up_in_a_mailbox():
    tenant = story()
    found = await read(tenant, CollectMailbox, accounts=["id-alice"])
    (box,) = found.mailboxes
    assert [(r.id, r.hidden) for r in box.rules] == [("1", False), ("2", False), ("3", False), ("4", True)]
    assert box.forwarding.smtp_address == "smtp:drop@evil.example"
    assert (box.delegates[0].kind, box.delegates[0].trustee) == ("full_access", "assistant@acme.example")
    assert [p.id for p in box.mobile_devices] == ["own-iphone", "evil-phone"]
    assert tenant.evidence.rows("step/mailbox/id-alice/rules.jsonl")[3] == {"RuleIdentity": "4", "Name": "sync"}


async def test_an_account_without_a_mailbox_is_named_and_the_others_are_read():
    tenant = story()
    tenant.mail.without.add("id-alice")
    found = await read(tenant, CollectMailbox, accounts=["id-alice", "id-bob"])
    assert found.without_mailbox == ["alice@acme.example"]
    assert [box.upn for box in found.mailboxes] == ["bob@acme.example"]


async def test_what_cannot_be_read_is_an_error_not_an_empty_list():
    tenant = story()

    async def fails(mailbox: str):
        raise VendorFault("half a page")

    tenant.mail.rules = fails
    with pytest.raises(VendorFault):
        await read(tenant, CollectMailbox, accounts=["id-alice"])
