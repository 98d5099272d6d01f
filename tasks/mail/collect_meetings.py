"""`mail.collect_meetings`"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tasks._rows import evidence_name
from tenantry.errors import TargetNotFound
from tenantry.task import AccountRef, Context, EvidenceRef, Output, Permission, ReadTask


class CollectMeetingsParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef


class ComingMeeting(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    subject: str
    starts_at: datetime
    series: bool
    organized: bool
    """By the account itself."""
    organizer: str
    attendees: int


class MeetingsSnapshot(Output):
    account_id: str
    meetings: list[ComingMeeting]
    """Without those that the account declined."""
    evidence: list[EvidenceRef]


class CollectMeetings(ReadTask[CollectMeetingsParams, MeetingsSnapshot]):
    """The meetings of one account that are still to come, its own and others'; with all that it takes to call them again.

    An account without a mailbox has none. https://learn.microsoft.com/graph/api/user-list-events
    """

    name = "mail.collect_meetings"
    needs = ("mail", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Calendars.ReadWrite", "User.Read.All")),)
    timeout = 300.0
    Params = CollectMeetingsParams
    Output = MeetingsSnapshot

    async def read(self, ctx: Context, p: CollectMeetingsParams) -> MeetingsSnapshot:
        account = await ctx.identity.account(p.account)
        try:
            found = [one for one in await ctx.mail.meetings(account.id, ctx.now) if not one.declined]
        except TargetNotFound:
            found = []
        name = evidence_name(ctx, f"mailbox/{account.id}/meetings.jsonl")
        return MeetingsSnapshot(
            account_id=account.id,
            meetings=[
                ComingMeeting(
                    id=one.id,
                    subject=one.subject,
                    starts_at=one.starts_at,
                    series=one.series,
                    organized=one.organized,
                    organizer=one.organizer,
                    attendees=len(one.attendees),
                )
                for one in found
            ],
            evidence=[await ctx.evidence.store_rows(name, [one.raw for one in found])],
        )
