"""`mail.remove_inbox_rule`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import mailbox_guards
from tasks.mail._rules import describe, find_rule
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class RemoveInboxRuleParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    rule_id: Annotated[str, Field(min_length=1, description="Id of the one rule, as mail.collect_mailbox reports it")]


class RemoveInboxRule(Task[RemoveInboxRuleParams]):
    """Remove one inbox rule of an attacker, hidden ones included.

    Answers ATT&CK T1564.008 (hiding rules) and T1114.003 (forwarding rules). Collect the mailbox first: the evidence keeps
    the full definition, from which the rule can be made again by hand. Exchange drops Outlook's client-side rules of a
    mailbox whenever its server-side rules change.
    https://learn.microsoft.com/powershell/module/exchange/remove-inboxrule
    """

    name = "mail.remove_inbox_rule"
    needs = ("mail", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Exchange.ManageAsApp", "User.Read.All")),)
    impact = Impact.REVERSIBLE
    no_undo = "The rule's full definition is in the evidence; make it again by hand if it was the person's own."
    removes_foothold = True
    Params = RemoveInboxRuleParams

    async def check(self, ctx: Context, p: RemoveInboxRuleParams) -> list[Change]:
        rule = await find_rule(ctx, p.account, p.rule_id)
        account = await ctx.identity.account(p.account)
        path = f"inbox_rule/{account.id}:{p.rule_id}/exists"
        if rule is None or not ctx.seen(path, True):
            return []
        return [Change(path=path, before=describe(rule), after=False)]

    async def apply(self, ctx: Context, p: RemoveInboxRuleParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.mail.remove_rule(p.account, p.rule_id)

    async def guard(self, ctx: Context, p: RemoveInboxRuleParams) -> list[str]:
        return await mailbox_guards(ctx, p.account)
