from __future__ import annotations

from tasks.mail.collect_meetings import CollectMeetings
from tests.support.fakes import FakeTenant
from tests.support.incident import read
from tests.tasks.mail.test_leave_meeting import meeting


async def test_what_is_to_come_and_all_that_it_takes_to_call_it_again():
    tenant = FakeTenant()
    tenant.add_account("alice")
    tenant.mail.meeting_list["id-alice"] = [
        meeting("over", days=-1),
        meeting("own"),
        meeting("weekly", series=True, organized=False),
        meeting("declined", organized=False, declined=True),
    ]
    found = await read(tenant, CollectMeetings, account="id-alice")
    assert [(one.id, one.series, one.organized) for one in found.meetings] == [
        ("own", False, True),
        ("weekly", True, False),
    ]
    assert tenant.evidence.rows("step/mailbox/id-alice/meetings.jsonl") == [{"id": "own"}, {"id": "weekly"}]


async def test_without_a_mailbox_there_are_none():
    tenant = FakeTenant()
    tenant.add_account("alice")
    tenant.mail.without.add("id-alice")
    assert (await read(tenant, CollectMeetings, account="id-alice")).meetings == []
