"""`identity.read_account`"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tasks._rows import evidence_name
from tasks.identity._guards import GUARD_PERMISSIONS, LAST_WAY_IN, protected
from tenantry.task import AccountRef, Context, EvidenceRef, Output, ReadTask


class ReadAccountParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef


class AccountFacts(Output):
    id: str
    upn: str
    display_name: str
    enabled: bool
    synced: bool
    """Mastered in Active Directory: what is written in the cloud does not last."""
    sessions_valid_from: datetime | None
    last_password_change: datetime | None
    roles: list[str]
    privileged: bool
    protected: bool
    """A break-glass or responder's account."""
    administrators_left: int | None
    """Other enabled Global Administrators, when this account is one."""
    evidence: list[EvidenceRef]


class ReadAccount(ReadTask[ReadAccountParams, AccountFacts]):
    """Read one account: enabled, synced, roles, whether it is privileged or protected."""

    name = "identity.read_account"
    needs = ("identity",)
    permissions = (GUARD_PERMISSIONS,)
    Params = ReadAccountParams
    Output = AccountFacts

    async def read(self, ctx: Context, p: ReadAccountParams) -> AccountFacts:
        account = await ctx.identity.account(p.account)
        roles = await ctx.identity.roles(account.id)
        left = None
        if any(held.role == LAST_WAY_IN for held in roles):
            holders = await ctx.identity.role_holders(LAST_WAY_IN)
            left = sum(holder.enabled for holder in holders if holder.id != account.id)
        reference = await ctx.evidence.store_rows(
            evidence_name(ctx, f"account/{account.id}.jsonl"),
            [account.raw, *(held.model_dump(mode="json") for held in roles)],
        )
        return AccountFacts(
            id=account.id,
            upn=account.upn,
            display_name=account.display_name,
            enabled=account.enabled,
            synced=account.synced,
            sessions_valid_from=account.sessions_valid_from,
            last_password_change=account.last_password_change,
            roles=sorted({held.role for held in roles}),
            privileged=any(held.privileged for held in roles),
            protected=bool(protected(ctx, account)),
            administrators_left=left,
            evidence=[reference],
        )
