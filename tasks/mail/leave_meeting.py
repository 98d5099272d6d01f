"""`mail.leave_meeting`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import mailbox_guards
from tenantry.capabilities import Meeting
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class LeaveMeetingParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    meeting: Annotated[str, Field(min_length=1, description="Id of the meeting in the account's calendar")]
    comment: Annotated[str, Field(max_length=1000, description="What the others are told with it")] = ""


class LeaveMeeting(Task[LeaveMeetingParams]):
    """Cancel one meeting that the account organized, or decline it in another's name.

    Everybody in it gets the message, and rooms are free again. A series goes as a whole. Do it before the mailbox loses its licence: without one
    nothing is sent. https://learn.microsoft.com/graph/api/event-cancel, …/event-decline
    """

    name = "mail.leave_meeting"
    needs = ("mail", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Calendars.ReadWrite", "User.Read.All")),)
    impact = Impact.DISRUPTIVE
    no_undo = "The others were told; somebody calls the meeting anew, or asks its organizer to."
    Params = LeaveMeetingParams

    async def check(self, ctx: Context, p: LeaveMeetingParams) -> list[Change]:
        account = await ctx.identity.account(p.account)
        path = f"mailbox/{account.id}/meeting:{p.meeting}"
        found = await _found(ctx, p)
        if found is None or not ctx.seen(path, True):
            return []
        told = {
            "subject": found.subject,
            "starts_at": found.starts_at.isoformat(),
            "series": found.series,
            "organizer": found.organizer,
            "attendees": list(found.attendees),
        }
        return [Change(path=path, before=told, after=False)]

    async def apply(self, ctx: Context, p: LeaveMeetingParams, changes: list[Change]) -> None:
        for _ in changes:
            found = await _found(ctx, p)
            if found is not None:
                await ctx.mail.leave_meeting(p.account, found, p.comment)

    async def guard(self, ctx: Context, p: LeaveMeetingParams) -> list[str]:
        return await mailbox_guards(ctx, p.account)


async def _found(ctx: Context, p: LeaveMeetingParams) -> Meeting | None:
    """While it is to come and not declined."""
    coming: list[Meeting] = list(await ctx.mail.meetings(p.account, ctx.now))
    return next((one for one in coming if one.id == p.meeting and not one.declined), None)
