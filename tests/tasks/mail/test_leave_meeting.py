from __future__ import annotations

from datetime import timedelta

from tasks.mail.leave_meeting import LeaveMeeting
from tenantry.capabilities import Meeting
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import NOW, FakeTenant


def meeting(id: str, *, days: int = 3, series: bool = False, organized: bool = True, declined: bool = False) -> Meeting:
    at = NOW + timedelta(days=days)
    return Meeting(
        id=id,
        subject=f"about {id}",
        starts_at=at,
        until=None if series else at + timedelta(hours=1),
        series=series,
        organizer="alice@acme.example" if organized else "bob@acme.example",
        organized=organized,
        declined=declined,
        attendees=("bob@acme.example",),
        raw={"id": id},
    )


def prepare(tenant: FakeTenant) -> dict[str, str]:
    account = tenant.add_account("alice")
    tenant.mail.meeting_list[account.id] = [meeting("own", series=True), meeting("theirs", organized=False)]
    return {"account": account.upn, "meeting": "own", "comment": "Alice left."}


class TestLeaveMeeting(EffectContract):
    case = Case(
        task=LeaveMeeting,
        prepare=prepare,
        writes=[("cancel_meeting", "id-alice/own", "Alice left.")],
        undo_writes=None,
    )


async def test_another_ones_is_declined_and_what_it_was_is_kept():
    tenant = FakeTenant()
    done = await drive(tenant, LeaveMeeting(), {**prepare(tenant), "meeting": "theirs"})
    assert tenant.writes == [("decline_meeting", "id-alice/theirs", "Alice left.")]
    assert done.changes[0].before["subject"] == "about theirs"
    assert [one.id for one in tenant.mail.meeting_list["id-alice"]] == ["own"]


async def test_what_is_over_or_declined_is_left_alone():
    tenant = FakeTenant()
    params = prepare(tenant)
    tenant.mail.meeting_list["id-alice"] = [meeting("own", days=-3), meeting("no", organized=False, declined=True)]
    for which in ("own", "no", "none"):
        assert (await drive(tenant, LeaveMeeting(), {**params, "meeting": which})).changes == []
    assert tenant.writes == []
