"""`cloud.trace_key`"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks._addresses import Network, canonical, known_networks, within
from tasks._rows import RowStore
from tasks._window import LookBack
from tasks.cloud._acts import TECHNIQUES, Left, take
from tasks.cloud._documents import account_of, principals_of
from tasks.cloud._guards import FIND, KEYS, KeyRef, aws
from tenantry.capabilities import CloudEvent
from tenantry.errors import TargetNotFound
from tenantry.task import Context, EvidenceRef, Output, ReadTask
from tenantry.timeline.attacker import AttackerEvent

MAX_EVENTS = 300
"""Acts of the attacker in the output, for the timeline; all of them are in the evidence."""
MAX_KEYS = 50
"""Keys that are followed: of the leaked one, of those that were made with it, and so on."""


class TraceKeyParams(LookBack):
    key: KeyRef
    known_bad_ips: Annotated[
        list[Network], Field(default_factory=list, max_length=500, description="The attacker's, as far as known")
    ]
    known_good_ips: Annotated[
        list[Network],
        Field(default_factory=list, max_length=500, description="The client's, besides those in the tenant's file"),
    ]


class Made(BaseModel):
    """Something that was attributed to the attacker."""

    model_config = ConfigDict(extra="forbid")
    ref: str
    """Principal, key id, instance id or trail."""
    reason: str
    evidence_ids: list[str]


class MadeKey(Made):
    owner: str


class MadePolicy(Made):
    policy: str


class MadeDevice(Made):
    device: str


class MadeElsewhere(Made):
    region: str


class MadeTrust(Made):
    principals: list[str]
    """Whom the attacker let in."""


class Undecided(BaseModel):
    model_config = ConfigDict(extra="forbid")
    label: str
    reason: str


class KeyTrace(Output):
    key: str
    owner: str
    account: str
    read_from: datetime
    read_until: datetime
    verdict: Literal["misused", "nothing_seen", "could_not_tell"]
    first: datetime | None
    """The attacker's first act that the log has."""
    last: datetime | None
    attacker_ips: list[str]
    own_ips: list[str]
    keys: list[MadeKey]
    """The leaked key first, then those that the attacker made and that still exist."""
    principals: list[Made]
    """Users and roles that the attacker made, and that still exist."""
    logins: list[Made]
    devices: list[MadeDevice]
    policies: list[MadePolicy]
    """Given to principals that were there before."""
    trusts: list[MadeTrust]
    instances: list[Made]
    elsewhere: list[MadeElsewhere] = Field(default_factory=list)
    """Machines in regions that the tenant's file does not name: nothing here can look at them, so nothing is contained before it does."""
    trails: list[Made]
    sessions: list[str]
    """Principals whose sessions have to be cut."""
    for_person: list[Undecided]
    kept: list[Undecided]
    """What was done with the key, or looks alike, and is the client's own."""
    operations: dict[str, int]
    """The attacker's, by how often; the 100 most frequent. Reads among them: what may have been seen."""
    total: int
    limits: list[str]
    attacker_events: list[AttackerEvent] = Field(default_factory=list)
    evidence: list[EvidenceRef]


class TraceKey(ReadTask[TraceKeyParams, KeyTrace]):
    """Tell from the cloud's log what somebody did with a leaked key, and what of it is still there.

    An address is the client's own if the tenant's file, the caller or the first third of the time looked at has it. What the leaked key did from
    any other is the attacker's, and so is all that keys and sessions did which were made that way, wherever from. Each thing is then looked up: what
    is gone is not listed. What the log does not tell goes to a person, never to removal.
    """

    name = "cloud.trace_key"
    needs = ("cloud_identity", "cloud_logs", "cloud")
    permissions = (
        FIND,
        KEYS,
        aws("cloudtrail:LookupEvents", "ec2:DescribeRegions", "sts:GetCallerIdentity", "ec2:DescribeInstances"),
        aws("iam:GetLoginProfile", "iam:ListMFADevices", "iam:GetPolicy", "iam:GetPolicyVersion"),
        aws("iam:ListUserPolicies", "iam:GetUserPolicy", "iam:ListAttachedUserPolicies"),
        aws("iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"),
        aws("iam:ListGroupPolicies", "iam:GetGroupPolicy", "iam:ListAttachedGroupPolicies"),
    )
    timeout = 900.0
    Params = TraceKeyParams
    Output = KeyTrace

    async def read(self, ctx: Context, p: TraceKeyParams) -> KeyTrace:
        start, until = p.start(ctx), ctx.run.started_at
        rows = RowStore(ctx, "events")
        owner = (await ctx.cloud_identity.key(p.key)).owner
        events = await _events(ctx, rows, p.key, start, until)
        own = _own(ctx, p, events, start, until)
        bad, good, unsure = _split(events, own, p)
        told = bool(own) or bool(p.known_bad_ips)
        if not told:
            bad, unsure = [], [*bad, *unsure]
        left = Left()
        limits: list[str] = []
        for event in bad:
            take(left, event)
        followed = await _follow(ctx, rows, left, bad, p.key, start, until, limits)
        trace = _Trace(ctx, p.key, owner, left)
        keys, principals = await trace.keys(), await trace.principals()
        made = {one.ref for one in principals}
        trusts, undecided = await trace.trusts(followed)
        caller = await ctx.cloud_identity.caller()
        sessions, abroad = await trace.sessions(made, trusts, caller.account)
        instances, elsewhere = await trace.instances(followed, caller.regions)
        verdict: Any = "misused" if followed else "could_not_tell" if unsure else "nothing_seen"
        ordered = sorted(followed, key=lambda event: (event.at, event.id))
        return KeyTrace(
            key=p.key,
            owner=owner,
            account=caller.account,
            read_from=start,
            read_until=until,
            verdict=verdict,
            first=ordered[0].at if ordered else None,
            last=ordered[-1].at if ordered else None,
            attacker_ips=sorted({canonical(event.ip) for event in followed if _address(event.ip)}),
            own_ips=sorted(own),
            keys=keys,
            principals=principals,
            logins=[one for one in await trace.logins() if one.ref not in made],
            devices=[one for one in await trace.devices() if one.ref not in made],
            policies=[one for one in await trace.policies() if one.ref not in made],
            trusts=[one for one in trusts if one.ref not in made],
            instances=instances,
            elsewhere=elsewhere,
            trails=[
                Made(ref=ref, reason="stopped or deleted by the attacker", evidence_ids=ids)
                for ref, ids in left.trails.items()
            ],
            sessions=sessions,
            for_person=[*map(_away, elsewhere), *abroad, *undecided, *_undecided(unsure, left, told=told)],
            kept=_kept(good),
            operations=dict(Counter(event.operation for event in followed).most_common(100)),
            total=rows.total,
            limits=[*limits, *_limits(caller.regions, told=told)],
            attacker_events=[_act(event) for event in ordered if not event.read_only][:MAX_EVENTS],
            evidence=await rows.close(),
        )


# --- the log ----------------------------------------------------------------------------------------------------------


async def _events(ctx: Context, rows: RowStore, key: str, start: datetime, until: datetime) -> list[CloudEvent]:
    found = []
    async for event in ctx.cloud_logs.events(start, until, access_key=key):
        await rows.add(event.raw)
        found.append(event)
    return found


def _own(ctx: Context, p: TraceKeyParams, events: list[CloudEvent], start: datetime, until: datetime) -> set[str]:
    """Networks and addresses that are the client's."""
    ordinary = start + (until - start) / 3
    seen = {canonical(event.ip) for event in events if event.at <= ordinary and _address(event.ip)}
    named = {*known_networks(ctx.subject), *p.known_good_ips}
    return {ip for ip in seen | named if not within(ip.split("/")[0], p.known_bad_ips)}


def _split(
    events: list[CloudEvent], own: set[str], p: TraceKeyParams
) -> tuple[list[CloudEvent], list[CloudEvent], list[CloudEvent]]:
    """The attacker's, the client's, and those that the log leaves open (called by a service of the vendor's)."""
    bad, good, unsure = [], [], []
    for event in events:
        if not _address(event.ip):
            unsure.append(event)
        elif within(event.ip, p.known_bad_ips) or not within(event.ip, own):
            bad.append(event)
        else:
            good.append(event)
    return bad, good, unsure


async def _follow(
    ctx: Context,
    rows: RowStore,
    left: Left,
    bad: list[CloudEvent],
    leaked: str,
    start: datetime,
    until: datetime,
    limits: list[str],
) -> list[CloudEvent]:
    """What keys and sessions did that were made with the leaked key, and those made with them in turn."""
    found, seen = list(bad), {leaked}
    waiting = [*left.keys, *left.session_keys]
    while waiting:
        key = waiting.pop(0)
        if key in seen:
            continue
        if len(seen) >= MAX_KEYS:
            limits.append(f"More than {MAX_KEYS} keys lead on from this one; the rest was not followed.")
            break
        seen.add(key)
        for event in await _events(ctx, rows, key, start, until):
            found.append(event)
            take(left, event)
        waiting += [*left.keys, *left.session_keys]
    return found


# --- what is still there ----------------------------------------------------------------------------------------------


class _Trace:
    """Looks up what the log says was made."""

    def __init__(self, ctx: Context, key: str, owner: str, left: Left) -> None:
        self._ctx, self._key, self._owner, self._left = ctx, key, owner, left

    async def keys(self) -> list[MadeKey]:
        found = [MadeKey(ref=self._key, owner=self._owner, reason="the key that leaked", evidence_ids=[])]
        for id, ids in self._left.keys.items():
            try:
                owner = (await self._ctx.cloud_identity.key(id)).owner
            except TargetNotFound:
                continue
            found.append(MadeKey(ref=id, owner=owner, reason="made by the attacker", evidence_ids=ids))
        return found

    async def principals(self) -> list[Made]:
        return [
            Made(ref=ref, reason="made by the attacker", evidence_ids=ids)
            for ref, ids in self._left.principals.items()
            if await self._exists(ref)
        ]

    async def _exists(self, ref: str) -> bool:
        try:
            await self._ctx.cloud_identity.principal(ref)
        except TargetNotFound:
            return False
        return True

    async def logins(self) -> list[Made]:
        return [
            Made(ref=ref, reason="the attacker set this password", evidence_ids=ids)
            for ref, ids in self._left.logins.items()
            if await self._exists(ref) and await self._ctx.cloud_identity.login(ref) is not None
        ]

    async def devices(self) -> list[MadeDevice]:
        found = []
        for (ref, device), ids in self._left.devices.items():
            if await self._exists(ref):
                held = {one.id for one in await self._ctx.cloud_identity.mfa_devices(ref)}
                if device in held:
                    reason = "registered by the attacker"
                    found.append(MadeDevice(ref=ref, device=device, reason=reason, evidence_ids=ids))
        return found

    async def policies(self) -> list[MadePolicy]:
        found = []
        for (ref, policy), ids in self._left.policies.items():
            if await self._exists(ref):
                held = {one.id for one in await self._ctx.cloud_identity.policies(ref)}
                if policy in held:
                    found.append(MadePolicy(ref=ref, policy=policy, reason="given by the attacker", evidence_ids=ids))
        return found

    async def trusts(self, events: list[CloudEvent]) -> tuple[list[MadeTrust], list[Undecided]]:
        """Principals of other accounts in a trust policy that the attacker set. More than one, and the log does not tell which of them were
        there before: then a person decides."""
        account = (await self._ctx.cloud_identity.caller()).account
        found, undecided = [], []
        for ref, ids in self._left.trusts.items():
            if not await self._exists(ref):
                continue
            written = {name for event in events if event.id in ids for name in _written(event.request)}
            strangers = sorted(
                name
                for name in principals_of(await self._ctx.cloud_identity.trust(ref))
                if account_of(name) != account and (not written or name in written)
            )
            if len(strangers) == 1:
                reason = "let in by the attacker"
                found.append(MadeTrust(ref=ref, principals=strangers, reason=reason, evidence_ids=ids))
            elif strangers:
                label = f"{ref} trusts {', '.join(strangers)}"
                undecided.append(
                    Undecided(label=label, reason="the attacker set this trust; some may have been there before")
                )
        return found, undecided

    async def instances(
        self, events: list[CloudEvent], regions: tuple[str, ...]
    ) -> tuple[list[Made], list[MadeElsewhere]]:
        """Those that are still there; and those that were started where nothing is looked for, of which nobody can say that they are gone."""
        found: list[Made] = []
        elsewhere: list[MadeElsewhere] = []
        started = {event.id: event.region for event in events}
        for id, ids in self._left.instances.items():
            region = next((started[one] for one in ids if one in started), "")
            if regions and region not in regions:
                reason = "started by the attacker"
                elsewhere.append(MadeElsewhere(ref=id, reason=reason, evidence_ids=ids, region=region))
                continue
            try:
                instance = await self._ctx.cloud.instance(id)
            except TargetNotFound:
                continue
            if instance.state not in ("terminated", "shutting-down"):
                reason = f"{instance.kind} in {instance.region}, started by the attacker"
                found.append(Made(ref=id, reason=reason, evidence_ids=ids))
        return found, elsewhere

    async def sessions(
        self, made: set[str], trusts: list[MadeTrust], account: str
    ) -> tuple[list[str], list[Undecided]]:
        """The owner of the key, what the attacker made, roles that were opened or assumed; and roles of other accounts, which must be looked at
        there."""
        abroad = [role for role in self._left.assumed if account_of(role) not in ("", account)]
        roles = [role for role in self._left.assumed if role not in abroad and await self._exists(role)]
        assumed = [(await self._ctx.cloud_identity.principal(role)).ref for role in roles]
        sessions = list(dict.fromkeys([self._owner, *sorted(made), *(one.ref for one in trusts), *assumed]))
        reason = "assumed by the attacker: its sessions, and what was done with them, are in that account alone"
        return sessions, [Undecided(label=f"{role} of another account", reason=reason) for role in abroad]


def _written(request: Mapping[str, Any]) -> set[str]:
    text = request.get("policyDocument")
    try:
        document = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return set()
    return principals_of(document) if isinstance(document, Mapping) else set()


# --- words ------------------------------------------------------------------------------------------------------------


def _away(machine: MadeElsewhere) -> Undecided:
    reason = "started by the attacker in a region that the tenant's file does not name: isolate it, and name the region"
    return Undecided(label=f"{machine.ref} in {machine.region}", reason=reason)


def _address(ip: str) -> bool:
    return within(ip, ["0.0.0.0/0", "::/0"])


def _undecided(unsure: list[CloudEvent], left: Left, *, told: bool) -> list[Undecided]:
    why = "called by a service of the vendor's" if told else "nothing tells the client's addresses from the attacker's"
    found = [
        Undecided(label=f"{event.operation} at {event.at:%Y-%m-%d %H:%M} UTC from {event.ip}", reason=why)
        for event in unsure
        if not event.read_only and not event.error
    ]
    found += [
        Undecided(
            label=f"{event.service} {event.operation} in {event.region}", reason="done by the attacker; look at it"
        )
        for event in left.others
    ]
    return found[:200]


def _kept(good: list[CloudEvent]) -> list[Undecided]:
    return [
        Undecided(
            label=f"{event.operation} at {event.at:%Y-%m-%d %H:%M} UTC", reason=f"from the client's own {event.ip}"
        )
        for event in good
        if not event.read_only and not event.error
    ][:100]


def _limits(regions: tuple[str, ...], *, told: bool) -> list[str]:
    found = [
        "The vendor delivers events within about 15 minutes; what was done right before the run may be missing.",
        "What was read out of storage shows only where data events are recorded.",
    ]
    if regions:
        looked = ", ".join(regions)
        found.append(f"Machines were looked at in {looked} alone; the log was asked in every region that is enabled.")
    if not told:
        found.insert(0, "No address of the client's is known, so nothing was attributed to an attacker.")
    return found


def _act(event: CloudEvent) -> AttackerEvent:
    technique = TECHNIQUES.get(event.operation)
    return AttackerEvent(
        at=event.at,
        title=f"{event.operation}{' (refused)' if event.error else ''}",
        detail=f"{event.ip}, {event.user_agent}"[:300],
        source="AWS CloudTrail",
        source_id=event.id,
        certainty="attributed",
        kind="cloud_call",
        target=event.actor,
        techniques=(technique,) if technique else (),
    )
