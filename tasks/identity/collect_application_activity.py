"""`identity.collect_application_activity`"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks._rows import RowStore
from tasks._window import LookBack
from tenantry.capabilities import Application, DirectoryEvent, SignIn
from tenantry.task import Context, EvidenceRef, Output, Permission, ReadTask
from tenantry.timeline.attacker import AttackerEvent

CREDENTIAL_ACTIVITY = ("certificates and secrets", "add service principal credentials")
"""In the names of the directory's events that add or change an application's credentials.
https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities"""
NEAR = timedelta(minutes=10)
"""A credential that begins so near to such an event was made by it."""
_SHOWN = 200


class CollectApplicationActivityParams(LookBack):
    application: Annotated[str, Field(min_length=1, max_length=64, description="Object id in this tenant")]


class Planted(BaseModel):
    """A credential that the application put on another one."""

    model_config = ConfigDict(extra="forbid")
    key: str
    application_id: str
    application: str
    credential_id: str
    label: str
    begins_at: datetime | None
    event_id: str


class Act(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    at: datetime
    activity: str
    actor: str


class ApplicationActivity(Output):
    since: datetime
    until: datetime
    sign_ins: int
    ips: list[str]
    """Where it signed in from as itself, the most frequent first; at most 200."""
    first_activity: datetime | None
    last_activity: datetime | None
    consented_by: list[str]
    """Accounts that consented by the directory's log, an administrator for everybody among them."""
    acts: list[Act]
    """What it did to the directory and what was done to it; at most the 200 newest."""
    planted: list[Planted]
    for_person: list[str]
    """Applications that it changed in a way that could not be told to the end."""
    limits: list[str]
    evidence: list[EvidenceRef]
    attacker_events: list[AttackerEvent] = Field(default_factory=list)


class CollectApplicationActivity(ReadTask[CollectApplicationActivityParams, ApplicationActivity]):
    """What one application did: its own sign-ins, its changes to the directory, who consented to it, and which credentials it left
    on other applications.

    Read for ATT&CK T1528 and T1098.001. What it read in mailboxes as somebody else stands in the unified audit log, which other steps
    keep. https://learn.microsoft.com/entra/identity/monitoring-health/concept-service-principal-sign-ins
    """

    name = "identity.collect_application_activity"
    needs = ("applications",)
    permissions = (Permission(vendor="microsoft365", names=("AuditLog.Read.All", "Application.Read.All")),)
    timeout = 300.0
    Params = CollectApplicationActivityParams
    Output = ApplicationActivity

    async def read(self, ctx: Context, p: CollectApplicationActivityParams) -> ApplicationActivity:
        since = p.start(ctx)
        application = await ctx.applications.application(p.application)
        signed, ips = await _sign_ins(ctx, p.application, since)
        events, stored = await _events(ctx, p.application, since)
        planted, unclear, changed = await _planted(ctx, application, events)
        times = [*signed.times, *(event.at for event in events if _by(event, application))]
        return ApplicationActivity(
            since=since,
            until=ctx.now,
            sign_ins=signed.count,
            ips=sorted(ips, key=lambda ip: -ips[ip])[:_SHOWN],
            first_activity=min(times, default=None),
            last_activity=max(times, default=None),
            consented_by=sorted({event.actor_upn for event in events if _consents(event) and event.actor_upn}),
            acts=[Act(id=e.id, at=e.at, activity=e.activity.strip(), actor=e.actor_upn) for e in events[:_SHOWN]],
            planted=planted,
            for_person=unclear,
            limits=[
                "sign-ins and directory events are kept by the vendor for 30 days at most, and arrive minutes late",
                *(
                    ["more directory events than are shown here: all of them are in the evidence"]
                    if len(events) > _SHOWN
                    else []
                ),
            ],
            evidence=[*signed.evidence, *stored],
            attacker_events=[*signed.shown, *changed],
        )


class _Signed(BaseModel):
    count: int = 0
    times: list[datetime] = Field(default_factory=list)
    evidence: list[EvidenceRef] = Field(default_factory=list)
    shown: list[AttackerEvent] = Field(default_factory=list)


async def _sign_ins(ctx: Context, application: str, since: datetime) -> tuple[_Signed, dict[str, int]]:
    rows = RowStore(ctx, f"application/{application}/sign_ins")
    ips: dict[str, int] = {}
    first: SignIn | None = None
    last: SignIn | None = None
    count = 0
    async for entry in ctx.applications.sign_ins(application, since, ctx.now):
        await rows.add(entry.raw)
        if not entry.success:
            continue
        count += 1
        ips[entry.ip] = ips.get(entry.ip, 0) + 1
        last = last or entry
        first = entry
    ends = {entry.id: entry for entry in (first, last) if entry is not None}
    shown = [
        AttackerEvent(
            at=entry.at,
            title=f"{entry.upn or 'The application'} signs in as itself",
            detail=f"{entry.ip} {entry.country}, {count} times in all",
            source="Entra ID sign-in log",
            source_id=entry.id,
            certainty="attributed",
            kind="sign_in",
            techniques=("T1528",),
        )
        for entry in ends.values()
    ]
    times = [entry.at for entry in ends.values()]
    return _Signed(count=count, times=times, evidence=await rows.close(), shown=shown), ips


async def _events(ctx: Context, application: str, since: datetime) -> tuple[list[DirectoryEvent], list[EvidenceRef]]:
    rows = RowStore(ctx, f"application/{application}/directory_events")
    events: list[DirectoryEvent] = []
    async for event in ctx.applications.events(application, since, ctx.now):
        await rows.add(event.raw)
        if len(events) < 10 * _SHOWN:
            events.append(event)
    return events, await rows.close()


async def _planted(
    ctx: Context, application: Application, events: list[DirectoryEvent]
) -> tuple[list[Planted], list[str], list[AttackerEvent]]:
    planted: dict[str, Planted] = {}
    unclear: dict[str, None] = {}
    shown = []
    for event in events:
        if not _by(event, application) or not any(name in event.activity.lower() for name in CREDENTIAL_ACTIVITY):
            continue
        for target in event.target_ids:
            for other in await ctx.applications.find(target):
                if other.id == application.id:
                    continue
                shown.append(_left_behind(event, other))
                made = [
                    credential
                    for credential in await ctx.applications.credentials(other.id)
                    if credential.begins_at is not None and abs(credential.begins_at - event.at) <= NEAR
                ]
                if not made:
                    unclear[f"{other.name}: its credentials were changed at {event.at:%Y-%m-%d %H:%M} UTC"] = None
                for credential in made:
                    key = f"{other.id}/{credential.id}"
                    planted[key] = Planted(
                        key=key,
                        application_id=other.id,
                        application=other.name,
                        credential_id=credential.id,
                        label=credential.label,
                        begins_at=credential.begins_at,
                        event_id=event.id,
                    )
    return list(planted.values()), list(unclear), shown


def _left_behind(event: DirectoryEvent, other: Application) -> AttackerEvent:
    return AttackerEvent(
        at=event.at,
        title=f"Adds a credential to {other.name or 'another application'}",
        source="Entra ID audit log",
        source_id=event.id,
        certainty="attributed",
        kind="credential",
        target=other.name,
        techniques=("T1098.001",),
    )


def _by(event: DirectoryEvent, application: Application) -> bool:
    """Done by the application itself, by the ids of the log's own entry: names can be anybody's."""
    by = (event.raw.get("initiatedBy") or {}).get("app") or {}
    return bool({by.get("appId"), by.get("servicePrincipalId")} & {application.app_id, application.id})


def _consents(event: DirectoryEvent) -> bool:
    return event.activity.lower().startswith("consent to application")
