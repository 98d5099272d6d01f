"""`checks.applications.risky_permissions`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.applications import applications, told, trusted
from tenantry.capabilities import InventoriedApplication
from tenantry.sweep.check import Check, Look
from tenantry.sweep.logs.m365_meaning import RISKY
from tenantry.sweep.model import Finding


class RiskyPermissions(Check[InventoriedApplication]):
    """An application may, as itself, read mail or files, or change the directory.

    What it was given since the window began weighs most; of old, a publisher that is not verified weighs more than the client's own
    application or managed identity. ATT&CK T1528; https://learn.microsoft.com/graph/permissions-reference
    """

    name = "checks.applications.risky_permissions"
    title = "Application with powerful permissions"
    severity = "high"
    attack = ("T1528", "T1098.003")
    remedy = "Remove the permissions unless they were ordered, and look at what the application did."
    collect = applications

    def evaluate(self, fact: InventoriedApplication, look: Look) -> Iterable[Finding]:
        application = fact.application
        if trusted(application, look):
            return
        risky = [one for one in fact.permissions if RISKY.fullmatch(one.name)]
        if not risky:
            return
        new = [one for one in risky if look.new(one.since)]
        managed = application.raw.get("servicePrincipalType") == "ManagedIdentity"
        stranger = not application.verified and not application.own and not managed
        severity = "high" if new and not application.verified else "medium" if new or stranger else "low"
        since = [one.since for one in risky if one.since is not None]
        yield self.finding(
            told(application.name, application.app_id),
            f"{application.name} may {', '.join(sorted({one.name for one in risky}))}"
            + (f"; given in the window: {', '.join(sorted({one.name for one in new}))}" if new else ""),
            at=max(since) if since else None,
            severity=severity,
            publisher=application.publisher,
        )
