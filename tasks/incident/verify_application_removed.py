"""`incident.verify_application_removed`"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks._times import at_or_after, text
from tasks._window import Accounts
from tasks.identity.collect_application_activity import Planted
from tasks.incident.verify_contained import LOG_DELAY, TOKEN_LIFE
from tenantry.errors import NotVerified
from tenantry.task import Context, Output, Permission, ReadTask

_PAUSE = 5.0


class VerifyApplicationRemovedParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    application: Annotated[str, Field(min_length=1, max_length=64, description="Object id in this tenant")]
    planted: Annotated[
        list[Planted], Field(max_length=500, description="Credentials that it had put on other applications")
    ] = []
    accounts: Annotated[Accounts, Field(description="Accounts that had let it in: their sessions have ended")] = []
    disabled_only: Annotated[
        bool,
        Field(
            description="Its own grants and credentials may stay: a tool that is to be let in again after it was rebuilt"
        ),
    ] = False
    patience: Annotated[
        float, Field(ge=0, le=600, description="Seconds for which the vendor may go on showing an old state")
    ] = 60.0


class ApplicationProof(BaseModel):
    model_config = ConfigDict(extra="forbid")
    subject: str
    point: str
    seen: str


class ApplicationRemoved(Output):
    contained: bool
    """True only when every point was seen; a plan says False."""
    contained_at: datetime | None
    checked_at: datetime
    proofs: list[ApplicationProof]
    caveats: list[str]


class VerifyApplicationRemoved(ReadTask[VerifyApplicationRemovedParams, ApplicationRemoved]):
    """Read everything again and prove that an application is out of the tenant; anything else fails.

    It is disabled, nothing lets it act, no credential of it or by it is left, and the sessions of those who let it in have ended since
    the run began. What cannot be read is an error, never "out".
    """

    name = "incident.verify_application_removed"
    needs = ("applications", "identity")
    permissions = (
        Permission(
            vendor="microsoft365",
            names=("Application.Read.All", "Directory.Read.All", "AuditLog.Read.All", "User.Read.All"),
        ),
    )
    timeout = 700.0
    Params = VerifyApplicationRemovedParams
    Output = ApplicationRemoved

    async def read(self, ctx: Context, p: VerifyApplicationRemovedParams) -> ApplicationRemoved:
        if ctx.run.mode == "plan":
            return _said(
                ctx, False, [ApplicationProof(subject=p.application, point="planned", seen="would be proven")], 0
            )
        loop = asyncio.get_running_loop()
        end = loop.time() + p.patience
        while True:
            proofs, open_points = await _look(ctx, p)
            if not open_points:
                return _said(ctx, True, proofs, await _sign_ins(ctx, p))
            if loop.time() + _PAUSE > end:
                raise NotVerified(f"the application is not out: {'; '.join(open_points[:5])}")
            await asyncio.sleep(min(_PAUSE, max(0.05, p.patience / 10)))


async def _look(ctx: Context, p: VerifyApplicationRemovedParams) -> tuple[list[ApplicationProof], list[str]]:
    proofs: list[ApplicationProof] = []
    open_points: list[str] = []

    def point(subject: str, name: str, good: bool, seen: str) -> None:
        if good:
            proofs.append(ApplicationProof(subject=subject, point=name, seen=seen))
        else:
            open_points.append(f"{subject}: {seen}")

    found, grants, credentials = await asyncio.gather(
        ctx.applications.application(p.application),
        ctx.applications.grants(p.application),
        ctx.applications.credentials(p.application),
    )
    point(found.name, "disabled", not found.enabled, "gets no tokens" if not found.enabled else "still gets tokens")
    if not p.disabled_only:
        point(found.name, "nothing_granted", not grants, f"{len(grants)} grants are left")
        point(found.name, "no_credentials", not credentials, f"{len(credentials)} credentials are left")
    for one in p.planted:
        left = any(held.id == one.credential_id for held in await ctx.applications.credentials(one.application_id))
        point(one.application, "nothing_planted", not left, f"{one.label} is {'still there' if left else 'gone'}")
    for name in p.accounts:
        account = await ctx.identity.account(name)
        ended = at_or_after(account.sessions_valid_from, ctx.run.started_at)
        point(account.upn, "sessions_revoked", ended, f"sessions are valid from {text(account.sessions_valid_from)}")
    return proofs, open_points


async def _sign_ins(ctx: Context, p: VerifyApplicationRemovedParams) -> int:
    """Since the run began. Those before it was disabled are among them, and those after it come late: no proof either way."""
    entries = ctx.applications.sign_ins(p.application, ctx.run.started_at, ctx.now)
    return sum([1 async for entry in entries if entry.success])


def _said(ctx: Context, contained: bool, proofs: list[ApplicationProof], sign_ins: int) -> ApplicationRemoved:
    return ApplicationRemoved(
        contained=contained,
        contained_at=ctx.now if contained else None,
        checked_at=ctx.now,
        proofs=proofs,
        caveats=[
            f"tokens that it already had live on for up to {round(TOKEN_LIFE.total_seconds() / 60)} minutes without continuous "
            "access evaluation",
            f"the vendor publishes sign-ins up to {round(LOG_DELAY.total_seconds() / 60)} minutes late; {sign_ins} successful ones of "
            "the application are known since the run began, those before it was disabled among them",
            "what it has copied is not undone by taking its access away",
        ],
    )
