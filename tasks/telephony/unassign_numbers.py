"""`telephony.unassign_numbers`"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.identity._guards import mailbox_guards
from tenantry.capabilities import PhoneNumber
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class UnassignNumbersParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef


class UnassignNumbers(Task[UnassignNumbersParams]):
    """Take every telephone number from one account; the organisation keeps them. Undo gives back those that are still nobody's.

    An order, which the vendor carries out a moment later: done is what its list shows. https://learn.microsoft.com/graph/api/teamsadministration-numberassignment-unassignnumber
    """

    name = "telephony.unassign_numbers"
    needs = ("telephony", "identity")
    permissions = (Permission(vendor="microsoft365", names=("TeamsTelephoneNumber.ReadWrite.All", "User.Read.All")),)
    impact = Impact.REVERSIBLE
    timeout = 300.0
    Params = UnassignNumbersParams

    async def check(self, ctx: Context, p: UnassignNumbersParams) -> list[Change]:
        account = await ctx.identity.account(p.account)
        changes = []
        for one in await ctx.capability("telephony").numbers(account.id):
            path, before = f"user/{account.id}/telephone:{one.number}", _said(one)
            if ctx.seen(path, before) is not None:
                changes.append(Change(path=path, before=before, after=None))
        return changes

    async def apply(self, ctx: Context, p: UnassignNumbersParams, changes: list[Change]) -> None:  # noqa: ARG002  # the contract's
        for change in changes:
            await ctx.capability("telephony").unassign(_number(change))

    async def undo(self, ctx: Context, p: UnassignNumbersParams, changes: list[Change]) -> None:
        telephony, account = ctx.capability("telephony"), await ctx.identity.account(p.account)
        held = {one.number for one in await telephony.numbers(account.id)}
        for change in changes:
            if (number := _number(change)).number not in held:
                await telephony.assign(number, account.id)

    async def guard(self, ctx: Context, p: UnassignNumbersParams) -> list[str]:
        return await mailbox_guards(ctx, p.account)


def _said(one: PhoneNumber) -> dict[str, Any]:
    return {"kind": one.kind, "category": one.category, "location": one.location}


def _number(change: Change) -> PhoneNumber:
    return PhoneNumber(number=change.path.rpartition(":")[2], **change.before, raw={})
