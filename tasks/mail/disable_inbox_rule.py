"""`mail.disable_inbox_rule`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import mailbox_guards
from tasks.mail._rules import find_rule
from tenantry.errors import Conflict
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class DisableInboxRuleParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    rule_id: Annotated[str, Field(min_length=1, description="Id of the one rule, as mail.collect_mailbox reports it")]


class DisableInboxRule(Task[DisableInboxRuleParams]):
    """Switch one inbox rule off, hidden ones included, and keep it as evidence.

    Answers ATT&CK T1564.008 (hiding rules) and T1114.003 (forwarding rules). A rule that is gone counts as off. Exchange
    drops Outlook's client-side rules of a mailbox whenever its server-side rules change, so the snapshot comes first.
    https://learn.microsoft.com/powershell/module/exchange/disable-inboxrule
    """

    name = "mail.disable_inbox_rule"
    needs = ("mail", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Exchange.ManageAsApp", "User.Read.All")),)
    impact = Impact.REVERSIBLE
    removes_foothold = True
    Params = DisableInboxRuleParams

    async def check(self, ctx: Context, p: DisableInboxRuleParams) -> list[Change]:
        rule = await find_rule(ctx, p.account, p.rule_id)
        account = await ctx.identity.account(p.account)
        path = f"inbox_rule/{account.id}:{p.rule_id}/enabled"
        if rule is None or not ctx.seen(path, rule.enabled):
            return []
        return [Change(path=path, before=True, after=False)]

    async def apply(self, ctx: Context, p: DisableInboxRuleParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.mail.set_rule_enabled(p.account, p.rule_id, False)

    async def undo(self, ctx: Context, p: DisableInboxRuleParams, changes: list[Change]) -> None:
        for change in changes:
            rule = await find_rule(ctx, p.account, p.rule_id)
            if rule is None:
                raise Conflict(f"the rule {p.rule_id} was removed since")
            if rule.enabled == change.before:
                continue
            await ctx.mail.set_rule_enabled(p.account, p.rule_id, bool(change.before))

    async def guard(self, ctx: Context, p: DisableInboxRuleParams) -> list[str]:
        return await mailbox_guards(ctx, p.account)
