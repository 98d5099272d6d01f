"""`mail.give_full_access`"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import mailbox_guards
from tenantry.capabilities import Account, Delegate
from tenantry.errors import Conflict, InvalidInput
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task

_RIGHT: Final = "FullAccess"


class GiveFullAccessParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    trustee: Annotated[AccountRef, Field(description="Who may open the mailbox: an account of the same tenant")]


class GiveFullAccess(Task[GiveFullAccessParams]):
    """Let one account of the tenant open another's mailbox, such as a manager a leaver's.

    The mailbox does not show in the trustee's Outlook by itself: it is opened by its address. Rights of others stay, and so do
    other rights of the trustee's, in the undo as well. https://learn.microsoft.com/powershell/module/exchange/add-mailboxpermission
    """

    name = "mail.give_full_access"
    needs = ("mail", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Exchange.ManageAsApp", "User.Read.All")),)
    impact = Impact.REVERSIBLE
    Params = GiveFullAccessParams

    async def check(self, ctx: Context, p: GiveFullAccessParams) -> list[Change]:
        owner, trustee = await ctx.identity.account(p.account), await ctx.identity.account(p.trustee)
        if owner.id == trustee.id:
            raise InvalidInput(f"{owner.upn} has full access to their own mailbox", place="trustee")
        path = f"mailbox/{owner.id}/delegate:{_wanted(trustee).key}"
        held = await _held(ctx, p.account, trustee)
        if ctx.seen(path, held) is None or _RIGHT not in ctx.seen(path, held):
            return [Change(path=path, before=held, after=sorted({*(held or ()), _RIGHT}))]
        return []

    async def apply(self, ctx: Context, p: GiveFullAccessParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.mail.add_delegate(p.account, _wanted(await ctx.identity.account(p.trustee)))

    async def undo(self, ctx: Context, p: GiveFullAccessParams, changes: list[Change]) -> None:
        for change in changes:
            trustee = await ctx.identity.account(p.trustee)
            held = await _held(ctx, p.account, trustee)
            if held == change.before:
                continue
            if held != change.after:
                raise Conflict(f"{trustee.upn} was given other rights on {p.account} since")
            await ctx.mail.remove_delegate(p.account, _wanted(trustee))

    async def guard(self, ctx: Context, p: GiveFullAccessParams) -> list[str]:
        return await mailbox_guards(ctx, p.account)


def _wanted(trustee: Account) -> Delegate:
    return Delegate(kind="full_access", trustee=trustee.upn.lower(), rights=(_RIGHT,), raw={})


async def _held(ctx: Context, mailbox: str, trustee: Account) -> list[str] | None:
    """The trustee's rights on the whole mailbox, in order; None: none."""
    key = _wanted(trustee).key
    return next((sorted(one.rights) for one in await ctx.mail.delegates(mailbox) if one.key == key), None)
