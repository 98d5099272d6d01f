"""`mail.set_automatic_reply`"""

from __future__ import annotations

import html
import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import mailbox_guards
from tenantry.capabilities import AutomaticReply
from tenantry.errors import Conflict
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task

_TAG = re.compile(r"<[^>]*>")


class SetAutomaticReplyParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    text: Annotated[str, Field(min_length=1, max_length=4000, description="What is answered; plain text")]
    outside: Annotated[bool, Field(description="Answer senders outside of the organisation too")] = True


class SetAutomaticReply(Task[SetAutomaticReplyParams]):
    """Have a mailbox answer whoever writes to it, from now on.

    The vendor answers each sender once. A reply that is there already is replaced, and comes back with the undo.
    https://learn.microsoft.com/powershell/module/exchange/set-mailboxautoreplyconfiguration
    """

    name = "mail.set_automatic_reply"
    needs = ("mail", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Exchange.ManageAsApp", "User.Read.All")),)
    impact = Impact.REVERSIBLE
    Params = SetAutomaticReplyParams

    async def check(self, ctx: Context, p: SetAutomaticReplyParams) -> list[Change]:
        account = await ctx.identity.account(p.account)
        path = f"mailbox/{account.id}/automatic_reply"
        text = html.escape(p.text, quote=False).replace("\n", "<br>\n")
        wanted = AutomaticReply(
            state="on", inside=text, outside=text if p.outside else "", audience="all" if p.outside else "none"
        ).model_dump(mode="json")
        present = ctx.seen(path, (await ctx.mail.automatic_reply(p.account)).model_dump(mode="json"))
        return [] if _same(present, wanted) else [Change(path=path, before=present, after=wanted)]

    async def apply(self, ctx: Context, p: SetAutomaticReplyParams, changes: list[Change]) -> None:
        for change in changes:
            await ctx.mail.set_automatic_reply(p.account, AutomaticReply.model_validate(change.after))

    async def undo(self, ctx: Context, p: SetAutomaticReplyParams, changes: list[Change]) -> None:
        for change in changes:
            present = (await ctx.mail.automatic_reply(p.account)).model_dump(mode="json")
            if _same(present, change.before):
                continue
            if not _same(present, change.after):
                raise Conflict(f"{p.account} was given another automatic reply since")
            await ctx.mail.set_automatic_reply(p.account, AutomaticReply.model_validate(change.before))

    async def guard(self, ctx: Context, p: SetAutomaticReplyParams) -> list[str]:
        return await mailbox_guards(ctx, p.account)


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether they answer the same: Exchange gives texts back as HTML."""
    return all(_plain(one[name]) == _plain(other[name]) for name in one)


def _plain(value: Any) -> Any:
    return " ".join(html.unescape(_TAG.sub(" ", value)).split()) if isinstance(value, str) else value
