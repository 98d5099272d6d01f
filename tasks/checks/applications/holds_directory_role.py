"""`checks.applications.holds_directory_role`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.applications import told
from tasks.checks._collect.roles import role_holdings
from tenantry.capabilities import RoleHolding
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class HoldsDirectoryRole(Check[RoleHolding]):
    """An application holds a directory role: it signs in without a second factor, from anywhere.

    The vendor's own and those that the client's file names are left out. One that has held it since before the window weighs less.
    ATT&CK T1098.003; https://attack.mitre.org/techniques/T1098/003/
    """

    name = "checks.applications.holds_directory_role"
    title = "Application holds a directory role"
    severity = "high"
    attack = ("T1098.003",)
    remedy = "Take the role away unless it was ordered, and look at what the application did."
    collect = role_holdings

    def evaluate(self, fact: RoleHolding, look: Look) -> Iterable[Finding]:
        known = fact.first_party or fact.app_id in look.known.applications
        if fact.kind != "application" or fact.how == "eligible" or known:
            return
        old = fact.began_at is not None and not look.new(fact.began_at)
        severity = ("medium" if old else "high") if fact.privileged else "low" if old else "medium"
        yield self.finding(
            told(fact.principal, fact.app_id),
            f"the application {fact.principal} holds {fact.role}" + (" since before the window" if old else ""),
            at=fact.began_at,
            severity=severity,
            role=fact.role,
        )
