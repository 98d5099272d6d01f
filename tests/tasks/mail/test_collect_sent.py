from __future__ import annotations

from datetime import timedelta

from tasks.mail.collect_sent import MAX_MESSAGES, CollectSent
from tests.support.incident import BEGAN, read, story


async def test_messages_and_who_outside_must_be_warned():
    tenant = story()
    found = await read(tenant, CollectSent, accounts=["id-alice"], window_start=BEGAN)
    assert found.total == 4
    assert found.outside_recipients == {"cfo@partner.example": 1}
    assert [m.outside for m in found.messages].count(1) == 1
    assert found.evidence[0].rows == 4


async def test_only_from_the_window_on():
    found = await read(story(), CollectSent, accounts=["id-alice"], window_start=BEGAN + timedelta(hours=4))
    assert found.total == 0


async def test_a_subject_is_cut_and_many_messages_are_counted():
    tenant = story()
    (first, *_) = tenant.mail.sent_list["id-alice"]
    tenant.mail.sent_list["id-alice"] = [
        first.model_copy(update={"id": str(n), "subject": "x" * 999}) for n in range(MAX_MESSAGES + 3)
    ]
    found = await read(tenant, CollectSent, accounts=["id-alice"])
    assert (len(found.messages), found.messages_omitted) == (MAX_MESSAGES, 3)
    assert len(found.messages[0].subject) == 200


async def test_an_account_without_a_mailbox_sent_nothing():
    tenant = story()
    tenant.mail.without.add("id-alice")
    assert (await read(tenant, CollectSent, accounts=["id-alice", "id-bob"])).total == 0
