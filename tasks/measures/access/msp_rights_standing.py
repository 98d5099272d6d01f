"""`measures.access.msp_rights_standing`"""

from __future__ import annotations

from tasks.checks._collect.roles import role_holdings
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.capabilities import RoleHolding
from tenantry.sweep.check import Look


class MspRightsStanding(WholeMeasure[RoleHolding]):
    """Neither our accounts nor our application hold a privileged role for good: rights are taken when they are needed, and end.

    Accounts that are kept for emergencies have theirs for good: that is what they are for. https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-configure
    """

    name = "measures.access.msp_rights_standing"
    source = role_holdings

    def wants(self, fact: RoleHolding, look: Look) -> bool:
        named = {fact.principal.lower(), fact.principal_id.lower()} & (look.known.accounts - look.known.emergency)
        return bool(named) or bool(fact.app_id and fact.app_id.lower() in look.known.applications)

    def evaluate(self, facts: list[RoleHolding], look: Look, seen: int) -> Verdict:
        if not look.known.accounts - look.known.emergency and not look.known.applications:
            return Verdict("for_person", "nothing here says which accounts are ours")
        standing = [one for one in facts if one.privileged and one.how == "assigned"]
        about = tuple(sorted({f"{one.principal} ({one.role})" for one in standing}))
        if about:
            return Verdict("fail", f"{len(about)} privileged roles are held by us for good", about, seen)
        if not seen:
            return Verdict("unknown", "no role of the directory could be seen, and every directory has some")
        return Verdict("pass", f"none of {seen} role assignments gives us standing privileges", (), seen)
