"""`cloud.verify_contained`"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks._times import at_or_after
from tasks.cloud._documents import principals_of
from tasks.cloud._guards import FIND, KEYS, aws
from tasks.cloud.trace_key import KeyTrace
from tenantry.errors import NotVerified, TargetNotFound
from tenantry.task import Context, Output, ReadTask

_PAUSE = 3.0


class VerifyContainedParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    trace: Annotated[KeyTrace, Field(description="Output of cloud.trace_key")]
    patience: Annotated[
        float, Field(ge=0, le=600, description="Seconds for which the vendor may go on showing an old state")
    ] = 60.0


class Proven(Output):
    contained: bool
    """True only when every point was seen; a plan says False and lists what it would prove."""
    contained_at: datetime | None
    checked_at: datetime
    proofs: list[str]
    removed: list[str]
    """What was taken from the attacker, for people to read."""
    caveats: list[str]
    not_known: list[str]
    dwell_minutes: int | None
    """From the attacker's first act that the log has to the start of the run."""
    containment_minutes: int | None
    """From the start of the run to the proof."""


class VerifyContained(ReadTask[VerifyContainedParams, Proven]):
    """Read everything again and prove that a leaked key leads nowhere any more, point by point; anything else fails.

    Every key of the attacker's is inactive, what they made is denied or gone, sessions begun before are cut, trust, policies and passwords are as they were,
    their machines are isolated wherever they are, trails record. A point that cannot be read is an error of the step, never a "contained".
    """

    name = "cloud.verify_contained"
    needs = ("cloud_identity", "cloud", "cloud_logs")
    permissions = (
        FIND,
        KEYS,
        aws("iam:GetLoginProfile", "iam:GetUserPolicy", "iam:GetRolePolicy", "iam:ListUserPolicies"),
        aws("iam:ListMFADevices", "iam:ListRolePolicies", "iam:ListGroupPolicies", "iam:GetGroupPolicy"),
        aws("iam:ListAttachedUserPolicies", "iam:ListAttachedRolePolicies", "iam:ListAttachedGroupPolicies"),
        aws("iam:GetPolicy", "iam:GetPolicyVersion", "ec2:DescribeInstances", "ec2:DescribeSecurityGroups"),
        aws("cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "sts:GetCallerIdentity"),
    )
    timeout = 900.0
    Params = VerifyContainedParams
    Output = Proven

    async def read(self, ctx: Context, p: VerifyContainedParams) -> Proven:
        if ctx.run.mode == "plan":
            return _proven(ctx, p, [], contained=False)
        deadline = asyncio.get_running_loop().time() + p.patience
        while True:
            proofs, wrong = await _look(ctx, p.trace)
            if not wrong:
                return _proven(ctx, p, proofs, contained=True)
            if asyncio.get_running_loop().time() + _PAUSE > deadline:
                more = f"; and {len(wrong) - 10} more" if len(wrong) > 10 else ""
                raise NotVerified(
                    f"not contained: {'; '.join(wrong[:10])}{more}",
                    remedy="Put right what is named, add regions that are to the tenant's file, then resume the run.",
                )
            await asyncio.sleep(_PAUSE)


async def _look(ctx: Context, trace: KeyTrace) -> tuple[list[str], list[str]]:
    proofs: list[str] = []
    wrong: list[str] = []

    def point(holds: bool, proof: str, lack: str) -> None:
        (proofs if holds else wrong).append(proof if holds else lack)

    cloud = ctx.cloud_identity
    for key in trace.keys:
        point(not await _active(ctx, key.ref), f"key {key.ref} signs nothing", f"key {key.ref} is active")
    for principal in trace.principals:
        shut = await _shut(ctx, principal.ref)
        point(shut, f"{principal.ref} is denied everything or gone", f"{principal.ref} may still act")
    for name in trace.sessions:
        try:
            cut = await cloud.sessions_cut(name)
        except TargetNotFound:
            continue
        shown = at_or_after(cut, ctx.run.started_at)
        point(shown, f"sessions of {name} are cut", f"sessions of {name} live on")
    for login in trace.logins:
        point(await cloud.login(login.ref) is None, f"{login.ref} has no password", f"{login.ref} has a password")
    for device in trace.devices:
        held = {one.id for one in await cloud.mfa_devices(device.ref)}
        point(device.device not in held, f"{device.device} is deactivated", f"{device.device} still counts")
    for policy in trace.policies:
        has = {one.id for one in await cloud.policies(policy.ref)}
        point(policy.policy not in has, f"{policy.ref} lost {policy.policy}", f"{policy.ref} has {policy.policy}")
    for trust in trace.trusts:
        trusted = principals_of(await cloud.trust(trust.ref)) & set(trust.principals)
        point(not trusted, f"{trust.ref} trusts no stranger", f"{trust.ref} trusts {', '.join(sorted(trusted))}")
    for machine in trace.instances:
        isolated = await _isolated(ctx, machine.ref)
        point(isolated, f"{machine.ref} is isolated", f"{machine.ref} is not isolated")
    looked = (await cloud.caller()).regions
    for away in trace.elsewhere:
        known = not looked or away.region in looked
        isolated = known and await _isolated(ctx, away.ref)
        lack = "is not isolated" if known else f"is in {away.region}, which the tenant's file does not name"
        point(isolated, f"{away.ref} is isolated", f"{away.ref} {lack}")
    recording = {name: one.recording for one in await ctx.cloud_logs.trails() for name in (one.id, one.name)}
    for trail in trace.trails:
        on = recording.get(trail.ref, False)
        point(on, f"{trail.ref} records", f"{trail.ref} does not record")
    return proofs, wrong


async def _active(ctx: Context, key: str) -> bool:
    try:
        return (await ctx.cloud_identity.key(key)).active
    except TargetNotFound:
        return False


async def _shut(ctx: Context, principal: str) -> bool:
    try:
        return await ctx.cloud_identity.denied(principal)
    except TargetNotFound:
        return True


async def _isolated(ctx: Context, instance: str) -> bool:
    try:
        found = await ctx.cloud.instance(instance)
    except TargetNotFound:
        return True
    if found.state in ("terminated", "shutting-down"):
        return True
    for interface in found.interfaces:
        group = await ctx.cloud.isolation_group(found.region, interface.network)
        if group is None or not group.closed or interface.groups != (group.id,):
            return False
    return True


def _proven(ctx: Context, p: VerifyContainedParams, proofs: list[str], *, contained: bool) -> Proven:
    trace = p.trace
    removed = [f"key {key.ref} of {key.owner}: {key.reason}" for key in trace.keys]
    removed += [
        f"{one.ref}: {one.reason}" for one in (*trace.principals, *trace.logins, *trace.instances, *trace.trails)
    ]
    removed += [f"{one.ref}: {one.policy}, {one.reason}" for one in trace.policies]
    removed += [f"{one.ref} trusted {', '.join(one.principals)}: {one.reason}" for one in trace.trusts]
    caveats = ["Deactivated keys, snapshots and the log are kept as evidence."]
    if trace.instances:
        caveats.append("Connections that the isolated machines already had live on until they end by themselves.")
    unknown = list(trace.limits)
    if trace.for_person:
        unknown.append(f"whose these are: {len(trace.for_person)} of the things that were done")
    started = ctx.run.started_at
    return Proven(
        contained=contained,
        contained_at=ctx.now if contained else None,
        checked_at=ctx.now,
        proofs=proofs,
        removed=removed,
        caveats=caveats,
        not_known=unknown,
        dwell_minutes=None if trace.first is None else max(0, round((started - trace.first).total_seconds() / 60)),
        containment_minutes=max(0, round((ctx.now - started).total_seconds() / 60)) if contained else None,
    )
