"""`checks.applications.risky_consent`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.applications import grants, told
from tenantry.capabilities import InventoriedGrant
from tenantry.sweep.check import Check, Look
from tenantry.sweep.logs.m365_meaning import RISKY
from tenantry.sweep.model import Finding

_PROGRAMS: Final = frozenset(
    {
        "f8d98a96-0999-43f5-8af3-69971c7bb423",
        "8acd33ea-7197-4a96-bc33-d7cc7101262f",
        "2cee05de-2b8f-45a2-8289-2a06ca32c4c8",
    }
)
"""Mail of Apple's, Samsung's and Google's telephones: client ids, the same in every tenant. Not those programs that intruders
use to take whole mailboxes away."""


class RiskyConsent(Check[InventoriedGrant]):
    """Somebody let an application read or send their mail, or read their files; or an administrator for everybody.

    A grant has no date at the vendor; when it was given, the audit log says (`checks.applications.consent_in_log`). Publishers that the vendor
    has verified, telephones' own programs, and the client's own applications weigh less. ATT&CK T1528;
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
                severity="low" if fact.verified or fact.app_id in _PROGRAMS else "medium" if fact.own else None,
                account_id=fact.account_id or "",
            )
