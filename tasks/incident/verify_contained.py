"""`incident.verify_contained`"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks._times import at_or_after, text
from tasks._window import Accounts
from tasks.identity import collect_access
from tasks.identity.collect_access import Access, AccessSnapshot
from tasks.incident.attribute_artifacts import Artifacts
from tasks.mail import collect_mailbox
from tasks.mail.clear_forwarding import forwards_to
from tasks.mail.collect_mailbox import Mailbox, MailboxSnapshot
from tenantry.capabilities import Account, Forwarding
from tenantry.errors import NotVerified, TargetNotFound
from tenantry.task import Context, HumanAnswer, Output, Permission, ReadTask, utc

TOKEN_LIFE = timedelta(hours=1)
"""How long an access token that was already issued may live on without continuous access evaluation.
https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime"""
LOG_DELAY = timedelta(minutes=15)
"""How late the vendor may publish a sign-in."""
_PAUSE = 5.0


Point = Literal["sign_in_blocked", "sessions_revoked", "password_changed", "nothing_left", "nothing_new", "no_sign_in"]
State = Literal["seen", "stated", "planned"]


class VerifyContainedParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    accounts: Accounts
    artifacts: Annotated[Artifacts, Field(description="Output of incident.attribute_artifacts")]
    mailboxes: Annotated[MailboxSnapshot, Field(description="Output of mail.collect_mailbox, taken before containment")]
    access: Annotated[AccessSnapshot, Field(description="Output of identity.collect_access, taken before containment")]
    on_premises: Annotated[
        HumanAnswer | None,
        Field(description="Output of the human.do in which a person reset the synced accounts' passwords on premises"),
    ] = None
    patience: Annotated[
        float, Field(ge=0, le=600, description="Seconds for which the vendor may go on showing an old state")
    ] = 60.0


class Proof(BaseModel):
    """One point for one account, and what was seen."""

    model_config = ConfigDict(extra="forbid")

    account: str
    point: Literal[
        "sign_in_blocked", "sessions_revoked", "password_changed", "nothing_left", "nothing_new", "no_sign_in"
    ]
    state: Literal["seen", "stated", "planned"]
    """``stated``: only a person can know it, and has said so."""
    seen: str


class Containment(Output):
    contained: bool
    """True only when every point was seen for every account, or stated by a person where the cloud cannot show it; a plan
    says False and lists what it would prove."""
    contained_at: datetime | None
    """When the last session of the last account was ended, in the vendor's time."""
    checked_at: datetime
    proofs: list[Proof]
    caveats: list[str]
    """What is true although every point holds, and belongs into the report."""


class VerifyContained(ReadTask[VerifyContainedParams, Containment]):
    """Read everything again and prove that the attacker is out, point by point; anything else fails.

    For each account: sign-in blocked, sessions ended since the run began, password changed since then, nothing left of
    what was attributed to the attacker, nothing there that was not in the snapshot, no successful sign-in since the
    sessions ended. A point that cannot be read is an error of the step, never a "contained".
    """

    name = "incident.verify_contained"
    needs = ("identity", "mail")
    permissions = (
        Permission(
            vendor="microsoft365",
            names=(
                *("User.Read.All", "AuditLog.Read.All", "Directory.Read.All", "UserAuthenticationMethod.Read.All"),
                *("Application.Read.All", "Device.Read.All", "Exchange.ManageAsApp"),
            ),
        ),
    )
    timeout = 900.0
    Params = VerifyContainedParams
    Output = Containment

    async def read(self, ctx: Context, p: VerifyContainedParams) -> Containment:
        deadline = asyncio.get_running_loop().time() + p.patience
        while True:
            looks = [await _look(ctx, p, name) for name in p.accounts]
            open_points = [point for look in looks for point in look.open]
            if not open_points:
                break
            if asyncio.get_running_loop().time() + _PAUSE > deadline:
                raise NotVerified(
                    f"not contained: {'; '.join(open_points[:10])}"
                    + (f"; and {len(open_points) - 10} more" if len(open_points) > 10 else ""),
                    remedy="Look at the named accounts, take the step that is missing, then resume the run.",
                    points=len(open_points),
                )
            await asyncio.sleep(_PAUSE)
        proofs = [proof for look in looks for proof in look.proofs]
        ended = [look.sessions_ended for look in looks if look.sessions_ended is not None]
        return Containment(
            contained=bool(proofs) and all(proof.state != "planned" for proof in proofs),
            contained_at=max(ended, default=None),
            checked_at=ctx.now,
            proofs=proofs,
            caveats=_caveats(p, proofs, ended, ctx.now),
        )


class _Look:
    """One account, once: what holds, and what does not."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.proofs: list[Proof] = []
        self.open: list[str] = []
        self.sessions_ended: datetime | None = None

    def point(self, name: Point, holds: bool, planned: bool, seen: str, *, stated: HumanAnswer | None = None) -> None:
        if holds:
            self._proof(name, "seen", seen)
        elif stated is not None:
            self._proof(
                name, "stated", f"{seen}; {stated.by} states that it was done, {stated.reason or 'no detail given'}"
            )
        elif planned:
            self._proof(name, "planned", f"{seen}; the plan would change it")
        else:
            self.open.append(f"{self.account.upn}: {name.replace('_', ' ')} does not hold ({seen})")

    def _proof(self, name: Point, state: State, seen: str) -> None:
        self.proofs.append(Proof(account=self.account.upn, point=name, state=state, seen=seen))


async def _look(ctx: Context, p: VerifyContainedParams, name: str) -> _Look:
    account = await ctx.identity.account(name)
    look = _Look(account)
    plan = ctx.run.mode == "plan"
    look.point("sign_in_blocked", not account.enabled, plan, "enabled" if account.enabled else "blocked")
    ended = at_or_after(account.sessions_valid_from, ctx.run.started_at)
    look.point("sessions_revoked", ended, plan, f"sessions valid from {text(account.sessions_valid_from) or 'ever'}")
    look.sessions_ended = utc(account.sessions_valid_from) if ended and account.sessions_valid_from else None
    look.point(
        "password_changed",
        at_or_after(account.last_password_change, ctx.run.started_at),
        plan,
        f"last changed {text(account.last_password_change) or 'at an unknown time'}",
        # Without password hash synchronisation the cloud never sees a change that was made on premises.
        stated=p.on_premises if account.synced and not plan else None,
    )
    access = await collect_access.snapshot(ctx, account)
    try:
        mailbox = await collect_mailbox.snapshot(ctx, account)
    except TargetNotFound:
        mailbox = None
    left = [*_left_in_mailbox(mailbox, p.artifacts), *_left_in_access(access, p.artifacts)]
    look.point("nothing_left", not left, plan, ", ".join(left[:10]) or "none of the attacker's things is there")
    new = _new(account.id, mailbox, access, p)
    look.point("nothing_new", not new, False, ", ".join(new[:10]) or "nothing came since the snapshot")
    since = look.sessions_ended
    ids = (
        [s.id async for s in ctx.identity.sign_ins(account.id, since, ctx.now) if s.success and s.at > since]
        if since
        else []
    )
    look.point(
        "no_sign_in",
        since is not None and not ids,
        plan and since is None,
        f"successful sign-ins after the sessions ended: {', '.join(ids[:10]) or 'none'}",
    )
    return look


def _left_in_mailbox(mailbox: Mailbox | None, artifacts: Artifacts) -> Iterable[str]:
    if mailbox is None:
        return
    theirs = {a.object_id for a in artifacts.rules if a.account == mailbox.account_id}
    # A rule that is switched off does nothing: what was attributed with less certainty is only switched off.
    yield from (f"rule {rule.name!r}" for rule in mailbox.rules if rule.id in theirs and rule.enabled)
    present = Forwarding.model_validate(mailbox.forwarding.model_dump())
    yield from (
        f"forwarding to {a.address}"
        for a in artifacts.forwarding
        if a.account == mailbox.account_id and forwards_to(present, a.address)
    )
    rights = {(a.right, a.trustee, a.folder) for a in artifacts.delegates if a.account == mailbox.account_id}
    yield from (f"{d.kind} for {d.trustee}" for d in mailbox.delegates if (d.kind, d.trustee, d.folder) in rights)


def _left_in_access(access: Access, artifacts: Artifacts) -> Iterable[str]:
    methods = {a.object_id for a in artifacts.methods if a.account == access.account_id}
    consents = {a.object_id for a in artifacts.consents if a.account == access.account_id}
    devices = {a.object_id for a in artifacts.devices if a.account == access.account_id}
    yield from (f"method {m.label!r}" for m in access.methods if m.id in methods)
    yield from (f"consent to {c.app_name!r}" for c in access.consents if c.id in consents)
    yield from (f"device {d.name!r}" for d in access.devices if d.id in devices and d.enabled)


def _new(account_id: str, mailbox: Mailbox | None, access: Access, p: VerifyContainedParams) -> list[str]:
    """What is there now and was not in the snapshot: the attacker was still at work between the two."""
    new: list[str] = []
    before = next((a for a in p.access.accounts if a.account_id == account_id), None)
    if before is None:
        return ["no snapshot of its access was taken"]
    new += [f"method {m.label!r}" for m in access.methods if m.id not in {b.id for b in before.methods}]
    new += [f"consent to {c.app_name!r}" for c in access.consents if c.id not in {b.id for b in before.consents}]
    new += [f"device {d.name!r}" for d in access.devices if d.id not in {b.id for b in before.devices}]
    if mailbox is None:
        return new
    was = next((m for m in p.mailboxes.mailboxes if m.account_id == account_id), None)
    if was is None:
        return [*new, "no snapshot of its mailbox was taken"]
    new += [f"rule {rule.name!r}" for rule in mailbox.rules if rule.id not in {b.id for b in was.rules}]
    rights = {(d.kind, d.trustee, d.folder) for d in was.delegates}
    new += [f"{d.kind} for {d.trustee}" for d in mailbox.delegates if (d.kind, d.trustee, d.folder) not in rights]
    targets = {mailbox.forwarding.address, mailbox.forwarding.smtp_address} - {None}
    if targets - {was.forwarding.address, was.forwarding.smtp_address}:
        new.append("another forwarding")
    return new


def _caveats(p: VerifyContainedParams, proofs: list[Proof], ended: list[datetime], now: datetime) -> list[str]:
    caveats = [f"{proof.account}: {proof.seen}" for proof in proofs if proof.state == "stated"]
    if ended and now - max(ended) < TOKEN_LIFE:
        caveats.append(
            "access tokens issued before may live on until "
            f"{_minute(max(ended) + TOKEN_LIFE)} where the tenant has no continuous access evaluation"
        )
    caveats.append(f"sign-ins since {_minute(now - LOG_DELAY)} may not be published yet")
    if p.artifacts.for_person:
        caveats.append(f"things that could not be attributed and wait for a person: {len(p.artifacts.for_person)}")
    caveats.extend(p.artifacts.limits)
    return caveats


def _minute(at: datetime) -> str:
    return utc(at).strftime("%Y-%m-%d %H:%M UTC")
