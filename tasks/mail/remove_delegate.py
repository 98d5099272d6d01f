"""`mail.remove_delegate`"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import mailbox_guards
from tenantry.capabilities import Delegate
from tenantry.errors import Conflict
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class RemoveDelegateParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    kind: Annotated[Literal["full_access", "send_as", "folder"], Field(description="Which right was given")]
    trustee: Annotated[str, Field(min_length=1, description="Address of the one to whom it was given")]
    folder: Annotated[str | None, Field(description="The folder, for a right on one folder")] = None


class RemoveDelegate(Task[RemoveDelegateParams]):
    """Take back one right that somebody else was given on a mailbox.

    Answers ATT&CK T1098.002 (additional email delegate permissions). Other delegates keep theirs.
    https://learn.microsoft.com/powershell/module/exchange/remove-mailboxpermission and …/remove-recipientpermission
    """

    name = "mail.remove_delegate"
    needs = ("mail", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Exchange.ManageAsApp", "User.Read.All")),)
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = RemoveDelegateParams

    async def check(self, ctx: Context, p: RemoveDelegateParams) -> list[Change]:
        present = await _find(ctx, p)
        account = await ctx.identity.account(p.account)
        path = f"mailbox/{account.id}/delegate:{_wanted(p)}"
        if present is None or not ctx.seen(path, True):
            return []
        return [Change(path=path, before=present.model_dump(mode="json"), after=None)]

    async def apply(self, ctx: Context, p: RemoveDelegateParams, changes: list[Change]) -> None:
        for change in changes:
            await ctx.mail.remove_delegate(p.account, Delegate.model_validate(change.before))

    async def undo(self, ctx: Context, p: RemoveDelegateParams, changes: list[Change]) -> None:
        for change in changes:
            before = Delegate.model_validate(change.before)
            present = await _find(ctx, p)
            if present is None:
                await ctx.mail.add_delegate(p.account, before)
            elif set(present.rights) != set(before.rights):
                raise Conflict(f"{p.trustee} was given other rights on {p.account} since")

    async def guard(self, ctx: Context, p: RemoveDelegateParams) -> list[str]:
        return await mailbox_guards(ctx, p.account)


async def _find(ctx: Context, p: RemoveDelegateParams) -> Delegate | None:
    wanted = _wanted(p)
    return next((held for held in await ctx.mail.delegates(p.account) if held.key == wanted), None)


def _wanted(p: RemoveDelegateParams) -> str:
    return Delegate(kind=p.kind, trustee=p.trustee.lower(), rights=(), folder=p.folder, raw={}).key
