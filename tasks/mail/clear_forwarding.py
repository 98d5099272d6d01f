"""`mail.clear_forwarding`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import mailbox_guards
from tenantry.capabilities import Forwarding
from tenantry.errors import Conflict
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class ClearForwardingParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    address: Annotated[
        str | None,
        Field(description="Clear only if mail is forwarded to this address; somebody may have set another one since"),
    ] = None


class ClearForwarding(Task[ClearForwardingParams]):
    """Stop the forwarding that is set on a mailbox as a whole (not by a rule).

    Answers ATT&CK T1114.003. Neither Graph nor the person's Outlook shows it.
    https://learn.microsoft.com/powershell/module/exchange/set-mailbox
    """

    name = "mail.clear_forwarding"
    needs = ("mail", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Exchange.ManageAsApp", "User.Read.All")),)
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = ClearForwardingParams

    async def check(self, ctx: Context, p: ClearForwardingParams) -> list[Change]:
        account = await ctx.identity.account(p.account)
        path = f"mailbox/{account.id}/forwarding"
        present = Forwarding.model_validate(ctx.seen(path, (await ctx.mail.forwarding(p.account)).model_dump()))
        if not present.active:
            return []
        if p.address is not None and not forwards_to(present, p.address):
            raise Conflict(f"{account.upn} forwards to another address than the one that was found")
        return [Change(path=path, before=present.model_dump(), after=Forwarding().model_dump())]

    async def apply(self, ctx: Context, p: ClearForwardingParams, changes: list[Change]) -> None:
        for change in changes:
            await ctx.mail.set_forwarding(p.account, Forwarding.model_validate(change.after))

    async def undo(self, ctx: Context, p: ClearForwardingParams, changes: list[Change]) -> None:
        for change in changes:
            present = await ctx.mail.forwarding(p.account)
            before = Forwarding.model_validate(change.before)
            if present == before:
                continue
            if present.active:
                raise Conflict(f"{p.account} forwards to an address that this run did not find")
            await ctx.mail.set_forwarding(p.account, before)

    async def guard(self, ctx: Context, p: ClearForwardingParams) -> list[str]:
        return await mailbox_guards(ctx, p.account)


def forwards_to(forwarding: Forwarding, address: str) -> bool:
    """Whether one of the two places where a mailbox can name its target names this address."""
    wanted = address.lower().removeprefix("smtp:")
    return wanted in {
        (known or "").lower().removeprefix("smtp:") for known in (forwarding.address, forwarding.smtp_address)
    }
