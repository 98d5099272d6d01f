"""`identity.delete_account`"""

from __future__ import annotations

import contextlib

from pydantic import BaseModel, ConfigDict

from tasks.identity._guards import GUARD_PERMISSIONS, account_guards
from tenantry.errors import Conflict, MasteredOnPremises, TargetNotFound
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class DeleteAccountParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef


class DeleteAccount(Task[DeleteAccountParams]):
    """Delete one account, and with it its mailbox and its files. For 30 days the undo restores it; then it is gone for good.

    An object id that is gone counts as deleted; a name that nobody has is refused (``target_not_found``). An account synced from Active Directory is deleted there (``mastered_on_premises``). A mailbox that
    others go on using, a shared one, goes with its account: somebody is asked. https://learn.microsoft.com/graph/api/user-delete
    """

    name = "identity.delete_account"
    needs = ("identity", "mail")
    permissions = (
        Permission(vendor="microsoft365", names=("User.DeleteRestore.All", "User.Read.All", "Exchange.ManageAsApp")),
        GUARD_PERMISSIONS,
    )
    impact = Impact.IRREVERSIBLE
    Params = DeleteAccountParams

    async def check(self, ctx: Context, p: DeleteAccountParams) -> list[Change]:
        try:
            account = await ctx.identity.account(p.account)
        except TargetNotFound:
            if "@" in p.account:
                raise  # a name may be mistyped: that nobody has it proves no deletion
            return []
        path = f"user/{account.id}/exists"
        if not ctx.seen(path, True):
            return []
        if account.synced:
            raise MasteredOnPremises(
                f"{account.upn} comes from Active Directory: it is deleted there",
                remedy="Delete it on premises; the next directory sync takes it out of the cloud.",
            )
        return [Change(path=path, before={"id": account.id, "upn": account.upn}, after=None)]

    async def apply(self, ctx: Context, p: DeleteAccountParams, changes: list[Change]) -> None:  # noqa: ARG002  # by what was found
        for change in changes:
            await ctx.identity.delete_account(change.before["id"])

    async def undo(self, ctx: Context, p: DeleteAccountParams, changes: list[Change]) -> None:  # noqa: ARG002  # by what was found
        for change in changes:
            try:
                await ctx.identity.account(change.before["id"])
            except TargetNotFound:
                await self._restore(ctx, change.before)

    @staticmethod
    async def _restore(ctx: Context, before: dict[str, str]) -> None:
        try:
            await ctx.identity.restore_account(before["id"])
        except TargetNotFound as gone:
            raise Conflict(f"{before['upn']} is gone for good") from gone

    async def guard(self, ctx: Context, p: DeleteAccountParams) -> list[str]:
        reasons: list[str] = []
        with contextlib.suppress(TargetNotFound):  # who is gone needs no guard, nor does a mailbox that there is not
            reasons += await account_guards(ctx, p.account)
            if (await ctx.mail.appearance(p.account)).kind == "shared":
                reasons.append(f"the mailbox of {p.account} is a shared one, and goes with the account")
        return reasons
