"""`checks.applications.owner_is_guest`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.applications import applications, told, trusted
from tenantry.capabilities import InventoriedApplication
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class OwnerIsGuest(Check[InventoriedApplication]):
    """A guest owns an application, and may add secrets to it.

    Who became owner lately, the audit log says (`checks.applications.owner_added`). ATT&CK T1098;
    https://learn.microsoft.com/entra/identity/enterprise-apps/overview-assign-app-owners
    """

    name = "checks.applications.owner_is_guest"
    title = "Guest owns an application"
    severity = "medium"
    attack = ("T1098",)
    remedy = "Take the ownership away unless the guest looks after the application."
    collect = applications

    def evaluate(self, fact: InventoriedApplication, look: Look) -> Iterable[Finding]:
        if trusted(fact.application, look):
            return
        for owner in fact.owners:
            if owner.guest and not {owner.name, owner.id.lower()} & look.known.accounts:
                yield self.finding(
                    told(fact.application.name, fact.application.app_id),
                    f"the guest {owner.name} owns {fact.application.name}",
                    owner=owner.name,
                )
