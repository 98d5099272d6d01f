"""`identity.collect_directory_events`"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tasks._addresses import canonical
from tasks._rows import RowStore
from tasks._window import Accounts, LookBack
from tenantry.task import Context, EvidenceRef, Output, Permission, ReadTask, utc

MAX_EVENTS = 1_000
"""Events reported in the output; all of them are in the evidence."""


class CollectDirectoryEventsParams(LookBack):
    accounts: Accounts


class Event(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    at: datetime
    activity: str
    actor_upn: str
    actor_ip: str
    target_ids: list[str]


class DirectoryEvents(Output):
    read_from: datetime
    read_until: datetime
    total: int
    events: list[Event]
    """Oldest first; the newest 1,000."""
    events_omitted: int
    evidence: list[EvidenceRef]


class CollectDirectoryEvents(ReadTask[CollectDirectoryEventsParams, DirectoryEvents]):
    """Keep what the directory recorded about some accounts as evidence: methods, consents, devices, roles, passwords.

    https://learn.microsoft.com/graph/api/directoryaudit-list
    """

    name = "identity.collect_directory_events"
    needs = ("identity",)
    permissions = (Permission(vendor="microsoft365", names=("AuditLog.Read.All", "Directory.Read.All")),)
    timeout = 600.0
    Params = CollectDirectoryEventsParams
    Output = DirectoryEvents

    async def read(self, ctx: Context, p: CollectDirectoryEventsParams) -> DirectoryEvents:
        start = p.start(ctx)
        seen: dict[str, Event] = {}
        evidence: list[EvidenceRef] = []
        total = 0
        for account in p.accounts:
            account_id = (await ctx.identity.account(account)).id
            rows = RowStore(ctx, f"directory-events/{account_id}")
            async for event in ctx.identity.directory_events(account_id, start, ctx.now):
                await rows.add(event.raw)
                seen[event.id] = Event(
                    id=event.id,
                    at=utc(event.at),
                    activity=event.activity,
                    actor_upn=event.actor_upn,
                    actor_ip=canonical(event.actor_ip),
                    target_ids=list(event.target_ids),
                )
            total += rows.total
            evidence.extend(await rows.close())
        events = sorted(seen.values(), key=lambda event: (event.at, event.id))
        return DirectoryEvents(
            read_from=start,
            read_until=ctx.now,
            total=total,
            events=events[-MAX_EVENTS:],
            events_omitted=max(0, len(events) - MAX_EVENTS),
            evidence=evidence,
        )
