"""`measures.entra.finer_roles`"""

from __future__ import annotations

from tasks.checks._collect.roles import role_holdings
from tasks.measures.entra.access_rule import PRIVILEGED
from tasks.measures.entra.global_administrators import GLOBAL
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.capabilities import RoleHolding
from tenantry.sweep.check import Look


class FinerRoles(WholeMeasure[RoleHolding]):
    """Who administers a part holds the role of that part: Global Administrators are not more than the people with other highly privileged
    roles.

    https://learn.microsoft.com/entra/identity/role-based-access-control/best-practices
    """

    name = "measures.entra.finer_roles"
    source = role_holdings

    def wants(self, fact: RoleHolding, look: Look) -> bool:
        del look
        return fact.role_id in PRIVILEGED

    def evaluate(self, facts: list[RoleHolding], look: Look, seen: int) -> Verdict:
        del look, seen
        groups = tuple(sorted({one.principal for one in facts if one.kind == "group"}))
        people = [one for one in facts if one.kind in ("user", "guest")]
        everything = {one.principal_id: one.principal for one in people if one.role_id == GLOBAL}
        finer = {one.principal_id for one in people} - set(everything)
        if groups:
            return Verdict("unknown", "who is in the groups that hold such roles was not looked at", groups, len(facts))
        if not everything:
            return Verdict("unknown", "no Global Administrator could be seen, and every directory has one")
        told = f"{len(everything)} are Global Administrator, {len(finer)} hold finer roles"
        if len(everything) > len(finer):
            return Verdict("fail", told, tuple(sorted(everything.values())), len(facts))
        return Verdict("pass", told, (), len(facts))
