"""`mail.hide_from_address_lists`"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.identity._guards import mailbox_guards
from tenantry.errors import MasteredOnPremises
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class HideFromAddressListsParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef


class HideFromAddressLists(Task[HideFromAddressListsParams]):
    """Show a mailbox in no address list of the organisation any more. Mail to its address arrives as before.

    Where the account is synced from Active Directory, Exchange refuses it: the attribute (`msExchHideFromAddressLists`) is written on premises, and the step
    says so instead of trying. Outlook shows somebody for up to a day from its own copy of the address book.
    https://learn.microsoft.com/powershell/module/exchange/set-mailbox
    """

    name = "mail.hide_from_address_lists"
    needs = ("mail", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Exchange.ManageAsApp", "User.Read.All")),)
    impact = Impact.REVERSIBLE
    Params = HideFromAddressListsParams

    async def check(self, ctx: Context, p: HideFromAddressListsParams) -> list[Change]:
        account = await ctx.identity.account(p.account)
        path = f"mailbox/{account.id}/hidden"
        present = await ctx.mail.appearance(p.account)
        if ctx.seen(path, present.hidden):
            return []
        if present.synced:
            raise MasteredOnPremises(
                f"{account.upn} is synced from Active Directory, where whether it is shown is written",
                remedy="Set msExchHideFromAddressLists in Active Directory, sync, and confirm the human step.",
            )
        return [Change(path=path, before=False, after=True)]

    async def apply(self, ctx: Context, p: HideFromAddressListsParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.mail.set_hidden(p.account, True)

    async def undo(self, ctx: Context, p: HideFromAddressListsParams, changes: list[Change]) -> None:
        for _ in changes:
            if (await ctx.mail.appearance(p.account)).hidden:
                await ctx.mail.set_hidden(p.account, False)

    async def guard(self, ctx: Context, p: HideFromAddressListsParams) -> list[str]:
        return await mailbox_guards(ctx, p.account)
