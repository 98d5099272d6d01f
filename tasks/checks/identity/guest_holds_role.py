"""`checks.identity.guest_holds_role`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.roles import role_holdings
from tenantry.capabilities import RoleHolding
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class GuestHoldsRole(Check[RoleHolding]):
    """A guest holds a privileged role.

    Partners administer through delegated relationships, not as guests. ATT&CK T1098.003;
    https://learn.microsoft.com/entra/identity/role-based-access-control/best-practices
    """

    name = "checks.identity.guest_holds_role"
    title = "Guest with a privileged role"
    severity = "high"
    attack = ("T1098.003", "T1078.004")
    remedy = "Take the role away unless somebody can name the guest and the reason."
    collect = role_holdings

    def evaluate(self, fact: RoleHolding, look: Look) -> Iterable[Finding]:
        ours = {fact.principal.lower(), fact.principal_id} & look.known.accounts
        if fact.kind == "guest" and fact.privileged and not ours:
            yield self.finding(
                ("account", fact.principal), f"the guest {fact.principal} holds {fact.role}", at=fact.began_at
            )
