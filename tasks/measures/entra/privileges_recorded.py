"""`measures.entra.privileges_recorded`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.roles import role_holdings
from tasks.measures.entra.access_rule import PRIVILEGED
from tenantry.baseline.measure import FactMeasure
from tenantry.capabilities import RoleHolding
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Look


class PrivilegesRecorded(FactMeasure[RoleHolding]):
    """Highly privileged roles are given through Privileged Identity Management, which records since when, and not past it.

    https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-configure
    """

    name = "measures.entra.privileges_recorded"
    source = role_holdings

    def subject(self, fact: RoleHolding) -> str:
        return fact.principal

    def judge(self, fact: RoleHolding, look: Look) -> Iterable[str] | None:
        del look
        if fact.role_id not in PRIVILEGED or fact.how == "eligible":
            return None
        if not fact.dated:
            raise CannotCheck("without Microsoft Entra ID P2 nothing says how roles were given")
        return [] if fact.began_at is not None else [f"{fact.role} was given past Privileged Identity Management"]
