"""`checks.applications.risky_consent`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.applications import grants, told
from tenantry.capabilities import InventoriedGrant
from tenantry.sweep.check import Check, Look
from tenantry.sweep.logs.m365_meaning import RISKY
from tenantry.sweep.model import Finding


class RiskyConsent(Check[InventoriedGrant]):
    """Somebody let an application read or send their mail, or read their files; or an administrator for everybody.

    A grant has no date at the vendor; when it was given, the audit log says (`checks.applications.consent_in_log`). Publishers that the vendor
    has verified, and the client's own applications, weigh less. ATT&CK T1528;
    https://learn.microsoft.com/defender-office-365/detect-and-remediate-illicit-consent-grants
    """

    name = "checks.applications.risky_consent"
    title = "Application acts on mail or files in people's names"
    severity = "high"
    attack = ("T1528",)
    remedy = "Ask whoever consented; if the application is not what it seemed, run malicious_oauth_app for it."
    collect = grants

    def evaluate(self, fact: InventoriedGrant, look: Look) -> Iterable[Finding]:
        if fact.first_party or fact.app_id in look.known.applications:
            return
        risky = sorted(scope for scope in fact.scopes if RISKY.fullmatch(scope))
        if risky:
            yield self.finding(
                told(fact.application, fact.app_id),
                f"{fact.application} has {', '.join(risky)} for {'one account' if fact.account_id else 'everybody'}",
                severity="low" if fact.verified else "medium" if fact.own else None,
                account_id=fact.account_id or "",
            )
