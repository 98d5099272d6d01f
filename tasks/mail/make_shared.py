"""`mail.make_shared`"""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

from tasks.identity._guards import mailbox_guards
from tenantry.errors import Conflict, StepError
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task

_ROOM: Final = 49 * 2**30
"""Bytes from which it is asked about: a shared mailbox without a licence holds 50 GB, and takes no mail beyond."""


class MakeSharedParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef


class MakeShared(Task[MakeSharedParams]):
    """Make a person's mailbox a shared one: it stays when their licence goes.

    From 49 GiB on a person approves it first, because such a mailbox needs a licence all the same (Exchange Online Plan 2), and so is one of which the vendor does not
    say how large it is. Rooms and equipment are refused. The account is not blocked by this. Undo makes it a person's again, who needs a licence within 30
    days. https://learn.microsoft.com/microsoft-365/admin/email/convert-user-mailbox-to-shared-mailbox
    """

    name = "mail.make_shared"
    needs = ("mail", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Exchange.ManageAsApp", "User.Read.All")),)
    impact = Impact.REVERSIBLE
    Params = MakeSharedParams

    async def check(self, ctx: Context, p: MakeSharedParams) -> list[Change]:
        account = await ctx.identity.account(p.account)
        path = f"mailbox/{account.id}/kind"
        kind = ctx.seen(path, (await ctx.mail.appearance(p.account)).kind)
        if kind == "other":
            raise StepError(
                f"the mailbox of {account.upn} is no person's", remedy="Leave it as it is, or see to it by hand."
            )
        return [Change(path=path, before="regular", after="shared")] if kind == "regular" else []

    async def apply(self, ctx: Context, p: MakeSharedParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.mail.set_shared(p.account, True)

    async def undo(self, ctx: Context, p: MakeSharedParams, changes: list[Change]) -> None:
        for change in changes:
            present = (await ctx.mail.appearance(p.account)).kind
            if present == change.before:
                continue
            if present != change.after:
                raise Conflict(f"the mailbox of {p.account} was made another kind since")
            await ctx.mail.set_shared(p.account, False)

    async def guard(self, ctx: Context, p: MakeSharedParams) -> list[str]:
        reasons = await mailbox_guards(ctx, p.account)
        size = (await ctx.mail.appearance(p.account)).size
        if size is None:
            reasons.append(
                f"how large the mailbox of {p.account} is, is not known: from 50 GB on a shared one needs a licence"
            )
        elif size >= _ROOM:
            reasons.append(
                f"the mailbox of {p.account} holds {size / 2**30:.0f} GiB: from 50 GB on a shared one needs a licence"
            )
        return reasons
