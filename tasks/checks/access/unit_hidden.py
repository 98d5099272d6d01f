"""`checks.access.unit_hidden`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.access import administrative_units
from tenantry.capabilities import AdministrativeUnit
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class UnitHidden(Check[AdministrativeUnit]):
    """Who is in an administrative unit is hidden, or kept from the tenant's other administrators.

    Restricted units also protect directors' accounts, and weigh less. ATT&CK T1564;
    https://learn.microsoft.com/entra/identity/role-based-access-control/admin-units-restricted-management
    """

    name = "checks.access.unit_hidden"
    title = "Hidden administrative unit"
    severity = "high"
    attack = ("T1564",)
    remedy = "Look who is in it and who administers it; dissolve it unless it was ordered."
    collect = administrative_units

    def evaluate(self, fact: AdministrativeUnit, look: Look) -> Iterable[Finding]:
        if fact.hidden or fact.restricted:
            yield self.finding(
                ("administrative_unit", fact.name),
                f"{'the members of' if fact.hidden else 'changes to'} {fact.name!r} are "
                + ("hidden" if fact.hidden else "kept from other administrators"),
                severity=None if fact.hidden else "low",
            )
