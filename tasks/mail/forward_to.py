"""`mail.forward_to`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import mailbox_guards
from tenantry.capabilities import Forwarding
from tenantry.errors import Conflict, InvalidInput
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class ForwardToParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    to: Annotated[AccountRef, Field(description="Who gets the mail from now on: an account of the same tenant")]
    keep_copy: Annotated[bool, Field(description="Leave what arrives in the mailbox as well")] = True


class ForwardTo(Task[ForwardToParams]):
    """Send what arrives in one mailbox on to another of the same tenant. Never outside of it: that is how mail is stolen.

    Whatever the mailbox was forwarded to before is replaced, and comes back with the undo. What is sent on carries its first sender's name.
    https://learn.microsoft.com/powershell/module/exchange/set-mailbox
    """

    name = "mail.forward_to"
    needs = ("mail", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Exchange.ManageAsApp", "User.Read.All")),)
    impact = Impact.REVERSIBLE
    Params = ForwardToParams

    async def check(self, ctx: Context, p: ForwardToParams) -> list[Change]:
        owner, to = await ctx.identity.account(p.account), await ctx.identity.account(p.to)
        if owner.id == to.id:
            raise InvalidInput(f"{owner.upn} cannot be forwarded to itself", place="to")
        # What is a mailbox's address, its mailbox says: a name to sign in with need not be one.
        wanted = Forwarding(smtp_address=(await ctx.mail.appearance(p.to)).address, keep_copy=p.keep_copy).model_dump()
        path = f"mailbox/{owner.id}/forwarding"
        present = ctx.seen(path, _shown(await ctx.mail.forwarding(p.account)))
        return [] if present == wanted else [Change(path=path, before=present, after=wanted)]

    async def apply(self, ctx: Context, p: ForwardToParams, changes: list[Change]) -> None:
        for change in changes:
            await ctx.mail.set_forwarding(p.account, Forwarding.model_validate(change.after))

    async def undo(self, ctx: Context, p: ForwardToParams, changes: list[Change]) -> None:
        for change in changes:
            present = _shown(await ctx.mail.forwarding(p.account))
            if present == change.before:
                continue
            if present != change.after:
                raise Conflict(f"{p.account} was forwarded to another address since")
            await ctx.mail.set_forwarding(p.account, Forwarding.model_validate(change.before))

    async def guard(self, ctx: Context, p: ForwardToParams) -> list[str]:
        return await mailbox_guards(ctx, p.account)


def _shown(forwarding: Forwarding) -> dict[str, str | bool | None]:
    """With its addresses as they are compared."""
    found: dict[str, str | bool | None] = forwarding.model_dump()
    smtp = forwarding.smtp_address
    return {**found, "smtp_address": smtp and smtp.lower().removeprefix("smtp:")}
