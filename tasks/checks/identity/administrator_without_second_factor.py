"""`checks.identity.administrator_without_second_factor`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.people import registrations
from tenantry.capabilities import Registration
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class AdministratorWithoutSecondFactor(Check[Registration]):
    """An administrator has nothing registered but a password: it was taken away, or never was.

    When one was switched off, the audit log says (`checks.identity.second_factor_disabled`). ATT&CK T1556.006;
    https://learn.microsoft.com/graph/api/resources/userregistrationdetails
    """

    name = "checks.identity.administrator_without_second_factor"
    title = "Administrator without a second factor"
    severity = "medium"
    attack = ("T1556.006",)
    remedy = "Have the administrator register a second factor, and find out whether they had one."
    collect = registrations

    def evaluate(self, fact: Registration, look: Look) -> Iterable[Finding]:
        ours = {fact.upn, fact.account_id.lower()} & look.known.accounts
        if fact.administrator and not fact.second_factor and not ours:
            yield self.finding(("account", fact.upn), f"{fact.upn} administers and has no second factor")
