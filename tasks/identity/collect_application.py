"""`identity.collect_application`"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks._rows import evidence_name
from tenantry.capabilities import Application, ApplicationCredential, ApplicationGrant
from tenantry.errors import TargetNotFound
from tenantry.task import Context, EvidenceRef, Output, Permission, ReadTask

POWERFUL = (
    *(
        "Mail.",
        "MailboxSettings.",
        "Files.",
        "Sites.",
        "Directory.",
        "Application.",
        "AppRoleAssignment.",
        "RoleManagement.",
    ),
    *("User.ReadWrite", "Group.ReadWrite", "full_access_as_", "EWS.", "IMAP.", "SMTP.", "Chat.", "Notes.", "Exchange."),
)
"""Beginnings of permissions with which mail, files or the directory itself can be taken."""


class CollectApplicationParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    application: Annotated[
        str, Field(min_length=1, max_length=256, description="Object id, client id, or exact display name")
    ]


class Grant(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    kind: str
    account_id: str | None
    resource: str
    scope: str
    powerful: list[str]
    """Those of its permissions with which mail, files or the directory can be taken."""
    created_at: datetime | None


class Credential(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    kind: str
    holder: str
    label: str
    begins_at: datetime | None


class Holder(BaseModel):
    """An account that let the application in."""

    model_config = ConfigDict(extra="forbid")
    id: str
    upn: str


class ApplicationSnapshot(Output):
    taken_at: datetime
    id: str
    app_id: str
    name: str
    enabled: bool
    verified: bool
    publisher: str
    own: bool
    grants: list[Grant]
    for_everybody: bool
    """It may act for every account of the tenant, or as itself."""
    credentials: list[Credential]
    owners: list[str]
    accounts: list[Holder]
    """Who consented for themselves or was let in, each once."""
    users_may_consent: bool | None
    """Whether users may consent to applications by themselves; None: it could not be read."""
    limits: list[str]
    evidence: list[EvidenceRef]


class CollectApplication(ReadTask[CollectApplicationParams, ApplicationSnapshot]):
    """Snapshot of one application across the tenant: what it may do, for whom, its credentials and its owners.

    Read for ATT&CK T1528 (application access token) and T1098.001 (additional cloud credentials). Several applications with one name
    are an error: names are chosen to be mistaken, ids are not.
    https://learn.microsoft.com/defender-cloud-apps/investigate-risky-oauth
    """

    name = "identity.collect_application"
    needs = ("applications", "identity")
    permissions = (
        Permission(
            vendor="microsoft365",
            names=("Application.Read.All", "Directory.Read.All", "User.Read.All", "Policy.Read.All"),
        ),
    )
    timeout = 120.0
    Params = CollectApplicationParams
    Output = ApplicationSnapshot

    async def read(self, ctx: Context, p: CollectApplicationParams) -> ApplicationSnapshot:
        found = await _the_one(ctx, p.application)
        grants, credentials, owners = await asyncio.gather(
            ctx.applications.grants(found.id),
            ctx.applications.credentials(found.id),
            ctx.applications.owners(found.id),
        )
        accounts, limits = await _holders(ctx, grants)
        policy = await ctx.applications.consent_policy()
        evidence = [
            await ctx.evidence.store_rows(evidence_name(ctx, f"application/{found.id}/{kind}.jsonl"), rows)
            for kind, rows in (
                ("application", [found.raw]),
                ("grants", [grant.raw for grant in grants]),
                ("credentials", [credential.raw for credential in credentials]),
                ("owners", [owner.model_dump() for owner in owners]),
                ("consent_policy", [policy.raw]),
            )
        ]
        if not found.own:
            limits.append("what its publisher can do with it in its own tenant cannot be seen from here")
        return ApplicationSnapshot(
            taken_at=ctx.now,
            **found.model_dump(include={"id", "app_id", "name", "enabled", "verified", "publisher", "own"}),
            grants=[_grant(grant) for grant in grants],
            for_everybody=any(grant.kind == "role" or _everybodys(grant) for grant in grants),
            credentials=[_credential(credential) for credential in credentials],
            owners=[owner.name or owner.id for owner in owners],
            accounts=accounts,
            users_may_consent=policy.users_may_consent,
            limits=limits,
            evidence=evidence,
        )


async def _the_one(ctx: Context, name: str) -> Application:
    found = await ctx.applications.find(name)
    if not found:
        raise TargetNotFound(f"no application of this tenant is {name!r}", remedy="Give its object id or client id.")
    if len(found) > 1:
        ids = ", ".join(one.id for one in found[:10])
        raise TargetNotFound(
            f"{len(found)} applications of this tenant are called {name!r}",
            remedy=f"Start again with the id of the one that is meant: {ids}.",
        )
    return found[0]


async def _holders(ctx: Context, grants: Sequence[ApplicationGrant]) -> tuple[list[Holder], list[str]]:
    ids = dict.fromkeys(grant.account_id for grant in grants if grant.account_id)
    accounts, limits = [], []
    for one in ids:
        try:
            account = await ctx.identity.account(one)
        except TargetNotFound:
            limits.append(f"{one} is a group or a deleted account: who is behind it was not resolved")
            continue
        accounts.append(Holder(id=account.id, upn=account.upn))
    return accounts, limits


def _everybodys(grant: ApplicationGrant) -> bool:
    return grant.kind == "delegated" and grant.account_id is None


def _grant(grant: ApplicationGrant) -> Grant:
    return Grant(
        id=grant.id,
        kind=grant.kind,
        account_id=grant.account_id,
        resource=grant.resource,
        scope=grant.scope,
        powerful=[name for name in grant.scope.split() if name.startswith(POWERFUL)],
        created_at=grant.created_at,
    )


def _credential(credential: ApplicationCredential) -> Credential:
    return Credential(
        id=credential.id,
        kind=credential.kind,
        holder=credential.holder,
        label=credential.label,
        begins_at=credential.begins_at,
    )
