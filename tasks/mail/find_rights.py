"""`mail.find_rights`"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from tasks._rows import evidence_name
from tasks.mail.collect_mailbox import MailboxDelegate
from tenantry.abreast import abreast
from tenantry.capabilities import Account, Delegate
from tenantry.errors import TargetNotFound
from tenantry.task import AccountRef, Context, EvidenceRef, Output, Permission, ReadTask

_ABREAST: Final = 20


class FindRightsParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef


class HeldRight(MailboxDelegate):
    """A right on somebody else's mailbox. ``id`` names it within the tenant."""

    account: str
    """Whose mailbox; object id."""
    upn: str


class RightsFound(Output):
    account_id: str
    mailboxes: int
    """How many were looked at."""
    rights: list[HeldRight]
    evidence: list[EvidenceRef]


class FindRights(ReadTask[FindRightsParams, RightsFound]):
    """On which mailboxes of others one account was given rights: to open them, to send in their name, on inbox or calendar.

    Exchange lists rights by mailbox, not by who has them, so every mailbox of the tenant is asked; one that cannot be asked fails the step,
    because a right that was not looked for is not gone. Rights that come through a group are not the account's own.
    https://learn.microsoft.com/powershell/module/exchange/get-mailboxpermission, …/get-recipientpermission, …/get-mailboxfolderpermission
    """

    name = "mail.find_rights"
    needs = ("mail", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Exchange.ManageAsApp", "User.Read.All")),)
    timeout = 1800.0
    Params = FindRightsParams
    Output = RightsFound

    async def read(self, ctx: Context, p: FindRightsParams) -> RightsFound:
        account = await ctx.identity.account(p.account)
        names = {account.upn.lower(), account.id.lower()}
        with contextlib.suppress(TargetNotFound):  # without a mailbox, people are given rights under their sign-in name
            names.add((await ctx.mail.appearance(account.id)).address)

        async def others() -> AsyncIterator[Account]:
            async for one in ctx.identity.accounts():
                if one.id != account.id:
                    yield one

        async def ask(one: Account) -> tuple[Account, list[Delegate]] | None:
            try:
                return one, [held for held in await ctx.mail.delegates(one.id) if held.trustee in names]
            except TargetNotFound:
                return None

        looked, rights, rows = 0, list[HeldRight](), list[dict[str, Any]]()
        async for found in abreast(others(), ask, _ABREAST):
            if found is None:
                continue
            owner, held = found
            looked += 1
            rights += [
                HeldRight(
                    account=owner.id,
                    upn=owner.upn,
                    kind=one.kind,
                    trustee=one.trustee,
                    rights=list(one.rights),
                    folder=one.folder,
                    id=f"{owner.id}/{one.key}",
                )
                for one in held
            ]
            rows += [{"mailbox": owner.upn, **one.raw} for one in held]
        name = evidence_name(ctx, f"mailbox/{account.id}/rights-on-others.jsonl")
        return RightsFound(
            account_id=account.id,
            mailboxes=looked,
            rights=rights,
            evidence=[await ctx.evidence.store_rows(name, rows)],
        )
