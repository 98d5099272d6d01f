"""Finding one rule in a mailbox."""

from __future__ import annotations

from tenantry.capabilities import InboxRule
from tenantry.task import Context


async def find_rule(ctx: Context, mailbox: str, rule_id: str) -> InboxRule | None:
    """The rule with exactly this id, from the listing that includes hidden rules; None when it is gone."""
    return next((rule for rule in await ctx.mail.rules(mailbox) if rule.id == rule_id), None)


def describe(rule: InboxRule) -> dict[str, object]:
    """What a rule does, for changes and records; its full definition is in the evidence."""
    return {
        "name": rule.name,
        "enabled": rule.enabled,
        "hidden": rule.hidden,
        "forward_to": list(rule.forward_to),
        "redirect_to": list(rule.redirect_to),
        "move_to_folder": rule.move_to_folder,
        "delete": rule.delete,
        "mark_read": rule.mark_read,
    }
