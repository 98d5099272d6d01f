"""`checks.identity.privileged_role_given`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.roles import role_holdings
from tenantry.capabilities import RoleHolding
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding

_READERS: Final = ("Reader", "Reviewer")


class PrivilegedRoleGiven(Check[RoleHolding]):
    """Somebody was given a privileged role, or may activate one, since the window began.

    Activating a role that one was eligible for is how roles are meant to be used. Who gave it, the audit log says
    (`checks.identity.role_given_in_log`). ATT&CK T1098.003;
    https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
    """

    name = "checks.identity.privileged_role_given"
    title = "Privileged role given"
    severity = "critical"
    attack = ("T1098.003",)
    remedy = "Take the role away unless it was ordered, and contain whoever gave it."
    collect = role_holdings

    def evaluate(self, fact: RoleHolding, look: Look) -> Iterable[Finding]:
        ours = {fact.principal.lower(), fact.principal_id} & look.known.accounts
        if not fact.privileged or fact.how == "activated" or fact.kind == "application" or ours:
            return
        if not fact.dated or fact.began_at is None:
            raise CannotCheck(
                "the directory does not say when roles were given (that takes Microsoft Entra ID P2 and "
                "RoleAssignmentSchedule.Read.Directory)"
            )
        if look.new(fact.began_at):
            severity = "medium" if fact.role.endswith(_READERS) else "critical" if fact.how == "assigned" else "high"
            yield self.finding(
                ("account", fact.principal),
                f"{fact.principal} {'was given' if fact.how == 'assigned' else 'may since activate'} the role {fact.role}",
                at=fact.began_at,
                severity=severity,
                role=fact.role,
                scope=fact.scope,
            )
