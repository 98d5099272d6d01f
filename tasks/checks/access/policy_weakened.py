"""`checks.access.policy_weakened`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.access import access_policies
from tenantry.capabilities import AccessPolicy
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class PolicyWeakened(Check[AccessPolicy]):
    """A rule of Conditional Access that demands something was changed since the window began, and is not enforced or leaves people out.

    A rule that was made in the window and only reports is being tried out. Deleted rules, and what exactly was changed, only the audit
    log has (`checks.access.conditional_access_changed`). ATT&CK T1556.009;
    https://learn.microsoft.com/graph/api/resources/conditionalaccesspolicy
    """

    name = "checks.access.policy_weakened"
    title = "Conditional Access is weaker"
    severity = "high"
    attack = ("T1556.009",)
    remedy = "Put the rule back as it was; ask who changed it and why."
    collect = access_policies

    def evaluate(self, fact: AccessPolicy, look: Look) -> Iterable[Finding]:
        if not fact.demands or not look.new(fact.changed_at):
            return
        if not fact.enforced:
            if not look.new(fact.created_at):
                yield self.finding(
                    ("access_policy", fact.name),
                    f"the rule {fact.name!r} was changed and "
                    + ("only reports" if fact.reporting else "is switched off"),
                    at=fact.changed_at,
                    policy_id=fact.id,
                )
            return
        strangers = sorted(set(fact.excluded) - look.known.accounts)
        if strangers:
            yield self.finding(
                ("access_policy", fact.name),
                f"the rule {fact.name!r} was changed and leaves out {len(strangers)} accounts",
                at=fact.changed_at,
                severity="medium",
                policy_id=fact.id,
                excluded=strangers[:50],
            )
