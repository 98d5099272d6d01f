"""`mail.give_access`"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import mailbox_guards
from tenantry.capabilities import Delegate
from tenantry.errors import Conflict
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task

_RIGHTS: Final = ("FullAccess",)


class GiveAccessParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    trustee: Annotated[str, Field(min_length=1, description="Address of the one who may open the mailbox")]


class GiveAccess(Task[GiveAccessParams]):
    """Let somebody open a mailbox, with full access: a leaver's manager, say.

    https://learn.microsoft.com/powershell/module/exchange/add-mailboxpermission
    """

    name = "mail.give_access"
    needs = ("mail", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Exchange.ManageAsApp", "User.Read.All")),)
    impact = Impact.REVERSIBLE
    Params = GiveAccessParams

    async def check(self, ctx: Context, p: GiveAccessParams) -> list[Change]:
        present = await _held(ctx, p)
        account = await ctx.identity.account(p.account)
        path = f"mailbox/{account.id}/delegate:full_access:{p.trustee.lower()}"
        now = ctx.seen(path, sorted(present.rights) if present is not None else None)
        return [] if now is not None and set(_RIGHTS) <= set(now) else [Change(path=path, before=now, after=[*_RIGHTS])]

    async def apply(self, ctx: Context, p: GiveAccessParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.mail.add_delegate(p.account, _given(p))

    async def undo(self, ctx: Context, p: GiveAccessParams, changes: list[Change]) -> None:
        for change in changes:
            present = await _held(ctx, p)
            if present is None:
                continue
            if set(present.rights) - set(_RIGHTS) != set(change.before or ()):
                raise Conflict(f"{p.trustee} was given other rights on {p.account} since")
            await ctx.mail.remove_delegate(p.account, _given(p))

    async def guard(self, ctx: Context, p: GiveAccessParams) -> list[str]:
        return await mailbox_guards(ctx, p.account)


def _given(p: GiveAccessParams) -> Delegate:
    return Delegate(kind="full_access", trustee=p.trustee.lower(), rights=_RIGHTS, raw={})


async def _held(ctx: Context, p: GiveAccessParams) -> Delegate | None:
    wanted = _given(p).key
    return next((one for one in await ctx.mail.delegates(p.account) if one.key == wanted), None)
