"""`measures.access.msp_rights_standing`"""

from __future__ import annotations

from dataclasses import dataclass, field

from tasks.checks._collect.roles import role_holdings
from tenantry.baseline.measure import Measure, Verdict
from tenantry.capabilities import RoleHolding
from tenantry.sweep.check import Giver, Look


@dataclass(slots=True)
class Holdings:
    """Ours among all that there are."""

    ours: list[RoleHolding] = field(default_factory=list)
    seen: int = 0


class MspRightsStanding(Measure[Holdings]):
    """Neither our accounts nor our application hold a privileged role for good: rights are taken when they are needed, and end.

    Accounts that are kept for emergencies have theirs for good: that is what they are for. https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-configure
    """

    name = "measures.access.msp_rights_standing"
    reads = (role_holdings,)

    async def collect(self, given: Giver) -> Holdings:
        known, found = given.look.known, Holdings()
        async for one in role_holdings.read(given):
            found.seen += 1
            named = {one.principal.lower(), one.principal_id.lower()} & (known.accounts - known.emergency)
            if named or (one.app_id and one.app_id.lower() in known.applications):
                found.ours.append(one)
        return found

    def evaluate(self, facts: Holdings, look: Look) -> Verdict:
        if not look.known.accounts - look.known.emergency and not look.known.applications:
            return Verdict("for_person", "nothing here says which accounts are ours")
        standing = [one for one in facts.ours if one.privileged and one.how == "assigned"]
        about = tuple(sorted({f"{one.principal} ({one.role})" for one in standing}))
        if about:
            return Verdict("fail", f"{len(about)} privileged roles are held by us for good", about, facts.seen)
        if not facts.seen:
            return Verdict("unknown", "no role of the directory could be seen, and every directory has some")
        return Verdict("pass", f"none of {facts.seen} role assignments gives us standing privileges", (), facts.seen)
