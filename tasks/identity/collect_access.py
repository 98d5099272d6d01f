"""`identity.collect_access`"""

from __future__ import annotations

import asyncio
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tasks._rows import evidence_name
from tasks._window import Accounts
from tenantry.capabilities import Account, Consent
from tenantry.task import Context, EvidenceRef, Output, Permission, ReadTask


class CollectAccessParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    accounts: Accounts


class Method(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    kind: str
    label: str
    created_at: datetime | None


class Grant(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    kind: str
    app_id: str
    app_name: str
    app_verified: bool
    scope: str
    whole_tenant: bool
    created_at: datetime | None
    known_as: list[str]
    """Ids under which a log entry may name this grant or its application."""


class RegisteredDevice(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    enabled: bool
    operating_system: str
    registered_at: datetime | None


class Access(BaseModel):
    """What lets somebody act as one account, besides its password."""

    model_config = ConfigDict(extra="forbid")
    account_id: str
    upn: str
    methods: list[Method]
    consents: list[Grant]
    devices: list[RegisteredDevice]


class AccessSnapshot(Output):
    taken_at: datetime
    accounts: list[Access]
    evidence: list[EvidenceRef]


class CollectAccess(ReadTask[CollectAccessParams, AccessSnapshot]):
    """Snapshot of some accounts' authentication methods, application consents and registered devices.

    Read for ATT&CK T1098.005, T1556.006 and T1528. An attacker's method is listed beside the person's own: what is whose
    is decided by `incident.attribute_artifacts`.
    https://learn.microsoft.com/graph/api/authentication-list-methods, …/oauth2permissiongrant-list,
    …/user-list-registereddevices
    """

    name = "identity.collect_access"
    needs = ("identity",)
    permissions = (
        Permission(
            vendor="microsoft365",
            names=(
                "UserAuthenticationMethod.Read.All",
                "Directory.Read.All",
                "Application.Read.All",
                "Device.Read.All",
            ),
        ),
    )
    timeout = 300.0
    Params = CollectAccessParams
    Output = AccessSnapshot

    async def read(self, ctx: Context, p: CollectAccessParams) -> AccessSnapshot:
        evidence: list[EvidenceRef] = []
        accounts = []
        for name in p.accounts:
            account = await ctx.identity.account(name)
            accounts.append(await snapshot(ctx, account, evidence))
        return AccessSnapshot(taken_at=ctx.now, accounts=accounts, evidence=evidence)


async def snapshot(ctx: Context, account: Account, evidence: list[EvidenceRef] | None = None) -> Access:
    """One account's access as it is now; with ``evidence``, its full rows are stored and their references appended."""
    methods, consents, devices = await asyncio.gather(
        ctx.identity.methods(account.id), ctx.identity.consents(account.id), ctx.identity.devices(account.id)
    )
    if evidence is not None:
        for kind, rows in (("methods", methods), ("consents", consents), ("devices", devices)):
            evidence.append(
                await ctx.evidence.store_rows(
                    evidence_name(ctx, f"access/{account.id}/{kind}.jsonl"), [row.raw for row in rows]
                )
            )
    return Access(
        account_id=account.id,
        upn=account.upn,
        methods=[Method(id=m.id, kind=m.kind, label=m.label, created_at=m.created_at) for m in methods],
        consents=[
            Grant(
                id=c.id,
                kind=c.kind,
                app_id=c.app_id,
                app_name=c.app_name,
                app_verified=c.app_verified,
                scope=c.scope,
                whole_tenant=c.account_id is None,
                created_at=c.created_at,
                known_as=_known_as(c),
            )
            for c in consents
        ],
        devices=[
            RegisteredDevice(
                id=d.id,
                name=d.name,
                enabled=d.enabled,
                operating_system=d.operating_system,
                registered_at=d.registered_at,
            )
            for d in devices
        ],
    )


def _known_as(consent: Consent) -> list[str]:
    """The directory's log names an application by its object id in this tenant, which only the grant's own row has. The
    resource of a delegated grant is left out: half of all grants are on the same one."""
    shared = {consent.account_id} | ({consent.resource_id} if consent.kind == "delegated" else set())
    ids = [consent.id, consent.app_id, *(value for value in consent.raw.values() if isinstance(value, str))]
    return [id for id in dict.fromkeys(ids) if id and len(id) <= 120 and " " not in id and id not in shared]
