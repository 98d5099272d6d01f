"""`cloud.read_principal`"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks._rows import evidence_name
from tasks.cloud._guards import FIND, GUARD, KEYS, KeyRef, PrincipalRef, aws, principal_guards
from tenantry.task import Context, EvidenceRef, Output, ReadTask


class ReadPrincipalParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    principal: PrincipalRef | None = None
    key: Annotated[KeyRef | None, Field(description="Instead of the principal: the key whose owner is meant")] = None

    @model_validator(mode="after")
    def _one(self) -> ReadPrincipalParams:
        if (self.principal is None) == (self.key is None):
            raise ValueError("name either a principal or a key")
        return self


class HeldKey(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    active: bool
    created_at: datetime
    last_used_at: datetime | None


class PrincipalFacts(Output):
    ref: str
    id: str
    arn: str
    kind: str
    created_at: datetime
    keys: list[HeldKey]
    login: bool
    mfa_devices: list[str]
    policies: list[str]
    groups: list[str]
    administrator: bool
    """By a policy of its own; groups are not counted."""
    reasons: list[str]
    """Why effects on it would ask a person."""
    evidence: list[EvidenceRef]


class ReadPrincipal(ReadTask[ReadPrincipalParams, PrincipalFacts]):
    """Read one user or role of the cloud account with its keys, password, second factors, policies and groups; all of it is kept as evidence."""

    name = "cloud.read_principal"
    needs = ("cloud_identity",)
    permissions = (
        FIND,
        KEYS,
        GUARD,
        aws("iam:ListMFADevices", "iam:ListGroupsForUser", "iam:GetPolicy", "iam:GetPolicyVersion"),
        aws("iam:ListUserPolicies", "iam:GetUserPolicy", "iam:ListAttachedUserPolicies"),
        aws("iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"),
        aws("iam:ListGroupPolicies", "iam:GetGroupPolicy", "iam:ListAttachedGroupPolicies"),
    )
    timeout = 120.0
    Params = ReadPrincipalParams
    Output = PrincipalFacts

    async def read(self, ctx: Context, p: ReadPrincipalParams) -> PrincipalFacts:
        cloud = ctx.cloud_identity
        name = (await cloud.key(p.key)).owner if p.key is not None else str(p.principal)
        found = await cloud.principal(name)
        keys, policies = await cloud.keys(found.ref), await cloud.policies(found.ref)
        login = await cloud.login(found.ref) if found.kind == "user" else None
        devices, groups = await cloud.mfa_devices(found.ref), await cloud.groups(found.ref)
        rows = [found.raw, *(key.raw for key in keys), *(device.raw for device in devices)]
        rows += [policy.model_dump(mode="json") for policy in policies]
        rows += [login.raw] if login else []
        reference = await ctx.evidence.store_rows(evidence_name(ctx, f"principal/{found.id}.jsonl"), rows)
        return PrincipalFacts(
            ref=found.ref,
            id=found.id,
            arn=found.arn,
            kind=found.kind,
            created_at=found.created_at,
            keys=[
                HeldKey(id=k.id, active=k.active, created_at=k.created_at, last_used_at=k.last_used_at) for k in keys
            ],
            login=login is not None,
            mfa_devices=[device.id for device in devices],
            policies=[policy.id for policy in policies],
            groups=list(groups),
            administrator=any(policy.administrator for policy in policies),
            reasons=await principal_guards(ctx, found.ref),
            evidence=[reference],
        )
