"""`identity.collect_entitlements`"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks._rows import evidence_name
from tenantry.task import AccountRef, Context, EvidenceRef, Output, Permission, ReadTask


class CollectEntitlementsParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef


class HeldGroup(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    fixed: str | None
    """Why it cannot be left here; None: it can."""


class HeldLicence(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    """skuId"""
    name: str
    disabled_plans: list[str]
    from_groups: list[str]


class EntitlementsSnapshot(Output):
    account_id: str
    upn: str
    groups: list[HeldGroup]
    licences: list[HeldLicence]
    by_hand: list[str]
    """What a person has to see to: groups that cannot be left here, licences that come through one."""
    evidence: list[EvidenceRef]


class CollectEntitlements(ReadTask[CollectEntitlementsParams, EntitlementsSnapshot]):
    """The groups and licences of one account, as they are before they are taken away: what it takes to give them back.

    https://learn.microsoft.com/graph/api/user-list-memberof, …/user-list-licensedetails
    """

    name = "identity.collect_entitlements"
    needs = ("identity", "entitlements")
    permissions = (Permission(vendor="microsoft365", names=("User.Read.All", "GroupMember.Read.All")),)
    Params = CollectEntitlementsParams
    Output = EntitlementsSnapshot

    async def read(self, ctx: Context, p: CollectEntitlementsParams) -> EntitlementsSnapshot:
        account = await ctx.identity.account(p.account)
        source = ctx.capability("entitlements")
        groups, licences = await source.memberships(account.id), await source.licences(account.id)
        evidence = [
            await ctx.evidence.store_rows(
                evidence_name(ctx, f"entitlements/{account.id}/{kind}.jsonl"), [row.raw for row in rows]
            )
            for kind, rows in (("groups", groups), ("licences", licences))
        ]
        names = {one.group_id: one.name for one in groups}
        by_hand = [f"group {one.name}: {one.fixed}" for one in groups if one.fixed is not None]
        by_hand += [
            f"licence {one.name}: it comes through {', '.join(names.get(id, id) for id in one.from_groups)}"
            for one in licences
            if one.from_groups
        ]
        return EntitlementsSnapshot(
            account_id=account.id,
            upn=account.upn,
            groups=[HeldGroup(id=one.group_id, name=one.name, fixed=one.fixed) for one in groups],
            licences=[
                HeldLicence(
                    id=one.sku,
                    name=one.name,
                    disabled_plans=list(one.disabled_plans),
                    from_groups=list(one.from_groups),
                )
                for one in licences
            ],
            by_hand=by_hand,
            evidence=evidence,
        )
