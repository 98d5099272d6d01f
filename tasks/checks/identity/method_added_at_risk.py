"""`checks.identity.method_added_at_risk`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.people import AccountAtRisk, accounts_at_risk
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class MethodAddedAtRisk(Check[AccountAtRisk]):
    """A method of authentication was added to an account after something suspicious was detected about it.

    ATT&CK T1098.005 (T1556.006); https://learn.microsoft.com/graph/api/resources/authenticationmethods-overview
    """

    name = "checks.identity.method_added_at_risk"
    title = "Second factor added after a risky sign-in"
    severity = "high"
    attack = ("T1098.005", "T1556.006")
    remedy = "Ask the owner by telephone; if they did not add it, run business_email_compromise for the account."
    collect = accounts_at_risk

    def evaluate(self, fact: AccountAtRisk, look: Look) -> Iterable[Finding]:
        times = [risk.at for risk in fact.risks if risk.at is not None]
        if not times:
            return
        for method in fact.methods:
            if method.created_at is None or method.kind == "passwordMethods":
                continue
            if look.new(method.created_at) and method.created_at >= min(times):
                yield self.finding(
                    ("account", fact.upn or fact.account_id),
                    f"{method.label} ({method.kind}) was added after {fact.risks[0].event}",
                    at=method.created_at,
                    event_ids=[risk.id for risk in fact.risks],
                    method_id=method.id,
                )
