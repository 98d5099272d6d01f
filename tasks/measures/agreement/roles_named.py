"""`measures.agreement.roles_named`"""

from __future__ import annotations

from tenantry.baseline.measure import Measure, Verdict
from tenantry.capabilities import Looking
from tenantry.capabilities.looking import Agreed
from tenantry.sweep.check import Giver, Look


class RolesNamed(Measure[Agreed]):
    """The agreement is in force and says who answers for what: services, duties of both sides, whom to ask, and who leads in an incident.

    What the client's file does not have may stand in the agreement: a person says. AA22-131A, "Understand and proactively manage supply
    chain risk" and "Promote transparency".
    """

    name = "measures.agreement.roles_named"
    needs = ("looking",)

    async def collect(self, given: Giver) -> Agreed:
        looking: Looking = await given.capability("looking")
        return await looking.agreed()

    def evaluate(self, facts: Agreed, look: Look) -> Verdict:
        if facts.ends_on is not None and facts.ends_on < look.now.date():
            return Verdict("fail", f"the agreement ended on {facts.ends_on}")
        named = {
            "the day on which it was signed": facts.signed_on,
            "services": facts.services,
            "duties of ours": facts.duties.get("msp"),
            "duties of the client's": facts.duties.get("client"),
            "a contact for security": facts.contacts & {"security", "primary"},
            "who leads in an incident": facts.team & {"incident_commander"},
        }
        lacking = tuple(what for what, there in named.items() if not there)
        if lacking:
            return Verdict(
                "for_person", "the client's file does not say everything of the agreement", lacking, len(named)
            )
        return Verdict("pass", f"signed on {facts.signed_on}; duties, contacts and who leads are named", (), len(named))
