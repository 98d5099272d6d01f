"""`cloud.trace_destruction`"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks._addresses import Network, canonical, known_networks, within
from tasks._rows import RowStore
from tasks._window import LookBack
from tasks.cloud._destruction import DESTROYS, EXPOSES, ObjectKind, object_act, shared_with, subjects
from tasks.cloud._guards import KeyRef, PrincipalRef, aws
from tasks.cloud.block_public_access import BucketRef
from tenantry.capabilities import CloudEvent
from tenantry.errors import PermissionMissing, TargetNotFound, VendorFault
from tenantry.task import Context, EvidenceRef, Output, ReadTask
from tenantry.timeline.attacker import AttackerEvent

MOST = 5_000
"""Acts on objects in the output; all events are in the evidence."""
MAX_EVENTS = 300

Verdict = Literal["attacker", "client", "unknown"]


class TraceDestructionParams(LookBack):
    keys: Annotated[list[KeyRef], Field(default_factory=list, max_length=500, description="Keys that the attacker has")]
    principals: Annotated[
        list[PrincipalRef],
        Field(default_factory=list, max_length=500, description="Users and roles that are the attacker's"),
    ]
    buckets: Annotated[
        list[BucketRef], Field(default_factory=list, max_length=100, description="Buckets whose objects are looked at")
    ]
    attacker_ips: Annotated[
        list[str], Field(default_factory=list, max_length=1000, description="The attacker's addresses, as far as known")
    ]
    known_bad_ips: Annotated[
        list[Network], Field(default_factory=list, max_length=500, description="Named by a person")
    ]
    known_good_ips: Annotated[
        list[Network],
        Field(default_factory=list, max_length=500, description="The client's, besides the tenant's file"),
    ]


class Actor(BaseModel):
    """Somebody who destroyed or exposed something."""

    model_config = ConfigDict(extra="forbid")
    actor: str
    access_key: str
    ip: str
    verdict: Verdict
    operations: dict[str, int]


class Destroyed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    what: str
    ref: str
    at: datetime
    by: str
    verdict: Verdict
    event_id: str


class Shared(BaseModel):
    """A snapshot that somebody else may copy, as it is now."""

    model_config = ConfigDict(extra="forbid")
    snapshot: str
    account: str
    at: datetime
    verdict: Verdict
    event_id: str


class ObjectAct(BaseModel):
    """What the log says was done to one object."""

    model_config = ConfigDict(extra="forbid")
    bucket: str
    key: str
    version: str
    """That it made; empty: the log does not say."""
    kind: ObjectKind
    at: datetime
    verdict: Verdict
    event_id: str


class Destruction(Output):
    read_from: datetime
    read_until: datetime
    actors: list[Actor]
    """The attacker's first, then those whom nothing tells."""
    destroyed: list[Destroyed]
    shared: list[Shared]
    """Still shared, by the attacker or by somebody whom nothing tells."""
    doomed_keys: list[str]
    """Encryption keys that are to be deleted, or were disabled, by anybody but the client."""
    objects: list[ObjectAct]
    objects_omitted: int
    who_else: list[str]
    """Keys and principals that destroyed something and that nothing tells to be the client's or the attacker's."""
    first: datetime | None
    total: int
    limits: list[str]
    attacker_events: list[AttackerEvent] = Field(default_factory=list)
    evidence: list[EvidenceRef]


class TraceDestruction(ReadTask[TraceDestructionParams, Destruction]):
    """Tell from the cloud's log what was destroyed, encrypted or given away, and by whom.

    An act is the attacker's if the key, the principal or the address is; the client's if it came from an address of the client's with a key
    that is not the attacker's own; else nothing tells, and it goes to a person. ATT&CK T1485, T1486, T1490, T1530, T1537, T1562.008.
    """

    name = "cloud.trace_destruction"
    needs = ("cloud_logs", "cloud")
    permissions = (
        aws("cloudtrail:LookupEvents", "ec2:DescribeRegions", "cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus"),
        aws("s3:ListBucket", "s3:GetObject", "kms:DescribeKey"),
        aws("ec2:DescribeSnapshots", "ec2:DescribeLockedSnapshots", "ec2:DescribeSnapshotAttribute"),
    )
    timeout = 1800.0
    Params = TraceDestructionParams
    Output = Destruction

    async def read(self, ctx: Context, p: TraceDestructionParams) -> Destruction:
        start, until = p.start(ctx), ctx.run.started_at
        rows, judge, limits = RowStore(ctx, "destruction"), _Judge(ctx, p), _limits()
        found = _Found()
        for operation in (*DESTROYS, *EXPOSES):
            async for event in ctx.cloud_logs.events(start, until, operation=operation):
                await rows.add(event.raw)
                if not event.error:
                    found.take(event, judge.of(event))
        omitted = 0
        if p.buckets:
            async for event in _archived(ctx, p, start, until, limits):
                await rows.add(event.raw)
                act = object_act(event)
                if act is not None:
                    omitted += not found.take_object(event, act, judge.of(event))
        actors = found.actors_sorted()
        unknown = [one for one in actors if one.verdict == "unknown"]
        return Destruction(
            read_from=start,
            read_until=until,
            actors=actors[:200],
            destroyed=sorted(found.destroyed, key=lambda one: (one.at, one.event_id, one.ref))[:1_000],
            shared=await _still_shared(ctx, found.shared, limits),
            doomed_keys=await _doomed(ctx, found.destroyed, limits),
            objects=found.objects,
            objects_omitted=omitted,
            who_else=list(
                dict.fromkeys(
                    f"{one.actor or 'nobody named'} with {one.access_key or 'no key'} from {one.ip}" for one in unknown
                )
            )[:100],
            first=min((event.at for event in found.theirs), default=None),
            total=rows.total,
            limits=limits,
            attacker_events=[_shown(event) for event in sorted(found.theirs, key=lambda e: (e.at, e.id))][:MAX_EVENTS],
            evidence=await rows.close(),
        )


class _Judge:
    """Whose an act is."""

    def __init__(self, ctx: Context, p: TraceDestructionParams) -> None:
        self._keys = set(p.keys)
        self._names = {_name(principal) for principal in p.principals}
        self._ips = {canonical(ip) for ip in p.attacker_ips}
        self._bad = p.known_bad_ips
        self._own = [*known_networks(ctx.subject), *p.known_good_ips]

    def of(self, event: CloudEvent) -> Verdict:
        ip = canonical(event.ip)
        if ip in self._ips or within(ip, self._bad):
            return "attacker"
        if self._names & {_name(event.actor), _name(event.issuer)}:
            return "attacker"
        if within(ip, self._own):
            return "client"
        return "attacker" if event.access_key in self._keys else "unknown"


def _name(principal: str) -> str:
    """A user's or role's own name, out of ``kind/name``, a resource name, or that of a role's session."""
    kind, *rest = principal.rsplit(":", 1)[-1].split("/")
    return rest[0 if kind == "assumed-role" else -1] if rest else kind


class _Found:
    """Everything that the log told, by kind."""

    def __init__(self) -> None:
        self.actors: dict[tuple[str, str, str, Verdict], Counter[str]] = {}
        self.destroyed: list[Destroyed] = []
        self.shared: list[Shared] = []
        self.objects: list[ObjectAct] = []
        self.theirs: list[CloudEvent] = []

    def take(self, event: CloudEvent, verdict: Verdict) -> None:
        self._note(event, verdict)
        if event.operation in DESTROYS:
            what = DESTROYS[event.operation][0]
            by = event.actor or event.access_key
            self.destroyed += [
                Destroyed(what=what, ref=ref, at=event.at, by=by, verdict=verdict, event_id=event.id)
                for ref in subjects(event)
            ]
        snapshot, whom = shared_with(event)
        self.shared += [
            Shared(snapshot=snapshot, account=account, at=event.at, verdict=verdict, event_id=event.id)
            for account in whom
            if snapshot
        ]

    def take_object(self, event: CloudEvent, act: tuple[str, str, str, ObjectKind], verdict: Verdict) -> bool:
        self._note(event, verdict)
        if len(self.objects) >= MOST:
            return False
        bucket, key, version, kind = act
        made = {"bucket": bucket, "key": key, "version": version, "kind": kind, "verdict": verdict}
        self.objects.append(ObjectAct.model_validate({**made, "at": event.at, "event_id": event.id}))
        return True

    def _note(self, event: CloudEvent, verdict: Verdict) -> None:
        place = (event.actor, event.access_key, canonical(event.ip), verdict)
        self.actors.setdefault(place, Counter())[event.operation] += 1
        if verdict == "attacker" and len(self.theirs) < MAX_EVENTS:
            self.theirs.append(event)

    def actors_sorted(self) -> list[Actor]:
        order = {"attacker": 0, "unknown": 1, "client": 2}
        found = [
            Actor(actor=actor, access_key=key, ip=ip, verdict=verdict, operations=dict(counted))
            for (actor, key, ip, verdict), counted in self.actors.items()
        ]
        return sorted(found, key=lambda one: (order[one.verdict], -sum(one.operations.values()), one.actor, one.ip))


async def _archived(
    ctx: Context, p: TraceDestructionParams, start: datetime, until: datetime, limits: list[str]
) -> AsyncIterator[CloudEvent]:
    """Data events of the named buckets. What cannot be read is said: then nothing tells whose an overwritten object is."""
    seen: set[str] = set()
    for trail in await ctx.cloud_logs.trails():
        if trail.bucket in seen:
            continue
        seen.add(trail.bucket)
        try:
            async for event in ctx.cloud_logs.archived(trail.id, start, until):
                if event.service == "s3" and event.request.get("bucketName") in p.buckets:
                    yield event
        except (PermissionMissing, TargetNotFound, VendorFault) as error:
            limits.append(
                f"The files of the trail {trail.name} could not be read ({error.code}): who changed objects is not known."
            )
    if not seen:
        limits.append("The account keeps no trail: who changed objects is not known.")


async def _still_shared(ctx: Context, shared: list[Shared], limits: list[str]) -> list[Shared]:
    """What of it is still so, each once, the client's own left out."""
    found: dict[tuple[str, str], Shared] = {}
    for one in shared:
        if one.verdict == "client" or (one.snapshot, one.account) in found:
            continue
        try:
            if one.account in await ctx.cloud.snapshot_shares(one.snapshot):
                found[one.snapshot, one.account] = one
        except TargetNotFound:
            limits.append(
                f"The snapshot {one.snapshot} was shared with {one.account} and is gone: whether it was copied is not known."
            )
    return list(found.values())


async def _doomed(ctx: Context, destroyed: list[Destroyed], limits: list[str]) -> list[str]:
    keys = [
        one.ref
        for one in destroyed
        if one.verdict != "client" and one.what in (DESTROYS["ScheduleKeyDeletion"][0], DESTROYS["DisableKey"][0])
    ]
    found = []
    for key in dict.fromkeys(keys):
        try:
            if (await ctx.cloud.encryption_key(key)).state in ("pending_deletion", "disabled"):
                found.append(key)
        except TargetNotFound:
            limits.append(f"The encryption key {key} is gone: what it encrypted cannot be read any more.")
    return found


def _limits() -> list[str]:
    return [
        "The vendor delivers events within about 15 minutes; what was done right before the run may be missing.",
        "What was done to single objects shows only where data events are recorded.",
    ]


def _shown(event: CloudEvent) -> AttackerEvent:
    facts: dict[str, Any] = {"techniques": ("T1486",) if event.service == "s3" else ("T1490",)}
    return AttackerEvent(
        at=event.at,
        title=event.operation,
        detail=f"{event.ip}, {event.user_agent}"[:300],
        source="AWS CloudTrail",
        source_id=event.id,
        certainty="attributed",
        kind="cloud_call",
        target=event.actor,
        **facts,
    )
