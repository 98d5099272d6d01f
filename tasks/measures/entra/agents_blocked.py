"""`measures.entra.agents_blocked`"""

from __future__ import annotations

from tasks.checks._collect.access import access_policies
from tenantry.baseline.measure import Verdict, WholeMeasure
from tenantry.capabilities import AccessPolicy
from tenantry.sweep.check import Look


class AgentsBlocked(WholeMeasure[AccessPolicy]):
    """Agents at high risk are blocked: a person says so, of the rules that block something and are enforced.

    At which of an agent's risks a rule counts stands in Graph's beta alone, which changes without notice; v1.0 has no such condition.
    https://learn.microsoft.com/graph/api/resources/conditionalaccessconditionset
    """

    name = "measures.entra.agents_blocked"
    source = access_policies

    def evaluate(self, facts: list[AccessPolicy], look: Look, seen: int) -> Verdict:
        del look
        blocking = sorted(
            policy.name
            for policy in facts
            if policy.enforced and "block" in ((policy.raw.get("grantControls") or {}).get("builtInControls") or ())
        )
        told = (
            f"{len(blocking)} of {seen} rules are enforced and block; whether one is about agents at risk is not shown"
        )
        return Verdict("for_person", told, tuple(blocking), seen)
