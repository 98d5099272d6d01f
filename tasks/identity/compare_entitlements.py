"""`identity.compare_entitlements`"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks._rows import evidence_name
from tasks.identity.collect_entitlements import HeldGroup, HeldLicence
from tenantry.clock import rfc3339
from tenantry.task import AccountRef, Context, EvidenceRef, Output, Permission, ReadTask


class CompareEntitlementsParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    groups: Annotated[list[HeldGroup], Field(max_length=5_000, description="As they were before")]
    licences: Annotated[list[HeldLicence], Field(max_length=1_000, description="As they were before")]


class EntitlementsCompared(Output):
    upn: str
    enabled: bool
    removed_groups: list[HeldGroup]
    removed_licences: list[HeldLicence]
    left: list[str]
    """What the account still has."""
    evidence: list[EvidenceRef]


class CompareEntitlements(ReadTask[CompareEntitlementsParams, EntitlementsCompared]):
    """What an account had and has no more, read anew: the list by which it can be given back, and what is left.

    https://learn.microsoft.com/graph/api/user-list-memberof, …/user-list-licensedetails
    """

    name = "identity.compare_entitlements"
    needs = ("identity", "entitlements")
    permissions = (Permission(vendor="microsoft365", names=("User.Read.All", "GroupMember.Read.All")),)
    Params = CompareEntitlementsParams
    Output = EntitlementsCompared

    async def read(self, ctx: Context, p: CompareEntitlementsParams) -> EntitlementsCompared:
        account = await ctx.identity.account(p.account)
        source = ctx.capability("entitlements")
        groups = {one.group_id: one.name for one in await source.memberships(account.id)}
        licences = {one.sku: one.name for one in await source.licences(account.id)}
        removed_groups = [one for one in p.groups if one.id not in groups]
        removed_licences = [one for one in p.licences if one.id not in licences]
        rows = [{"kind": "group", **one.model_dump()} for one in removed_groups]
        rows += [{"kind": "licence", **one.model_dump()} for one in removed_licences]
        left = [*(f"group {name}" for name in groups.values()), *(f"licence {name}" for name in licences.values())]
        report = _report(account.upn, ctx, removed_groups, removed_licences, left)
        return EntitlementsCompared(
            upn=account.upn,
            enabled=account.enabled,
            removed_groups=removed_groups,
            removed_licences=removed_licences,
            left=left,
            evidence=[
                await ctx.evidence.store_rows(evidence_name(ctx, f"removed/{account.id}.jsonl"), rows),
                await ctx.evidence.store_bytes(evidence_name(ctx, f"removed/{account.id}.md"), report.encode()),
            ],
        )


def _report(
    upn: str, ctx: Context, groups: Sequence[HeldGroup], licences: Sequence[HeldLicence], left: Sequence[str]
) -> str:
    """What was removed, for who puts it back by hand: names, and the ids by which the vendor knows them."""
    lines = [
        f"# What was removed from {_plain(upn)}",
        "",
        f"Run {ctx.run.run_id}, read again at {rfc3339(ctx.now)}.",
        "",
    ]
    lines += ["## Groups", "", *(f"- {_plain(one.name)} (`{_plain(one.id)}`)" for one in groups), ""]
    lines += ["## Licences", "", *(f"- {_plain(one.name)} (`{_plain(one.id)}`)" for one in licences), ""]
    lines += ["## Left as it was", "", *(f"- {_plain(one)}" for one in left), ""]
    lines += [
        f"`tenantry undo {ctx.run.run_id}` gives back sign-in, groups and licences, as long as nobody has changed them since.",
        "",
    ]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """One line, nothing of it markup: names are chosen by who may be an attacker."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|" else c for c in text if c.isprintable())
