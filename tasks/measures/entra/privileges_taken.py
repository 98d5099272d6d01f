"""`measures.entra.privileges_taken`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.roles import role_holdings
from tasks.measures.entra.access_rule import PRIVILEGED
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import RoleHolding
from tenantry.sweep.check import Look


class PrivilegesTaken(FactMeasure[RoleHolding]):
    """Nobody holds a highly privileged role for good: it is taken when it is needed, and ends. Accounts for emergencies hold theirs.

    https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-configure
    """

    name = "measures.entra.privileges_taken"
    source = role_holdings

    def subject(self, fact: RoleHolding) -> str:
        return fact.principal

    def judge(self, fact: RoleHolding, look: Look) -> Iterable[str] | None:
        if fact.role_id not in PRIVILEGED:
            return None
        if {fact.principal.lower(), fact.principal_id.lower()} & look.known.emergency:
            return []
        return [f"{fact.role} for good"] if fact.how == "assigned" else []
