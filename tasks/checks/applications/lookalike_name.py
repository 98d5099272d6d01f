"""`checks.applications.lookalike_name`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tasks.checks._collect.applications import applications, told, trusted
from tenantry.capabilities import InventoriedApplication
from tenantry.sweep.check import Check, Look
from tenantry.sweep.logs.m365_policies import lookalike
from tenantry.sweep.model import Finding

_VENDORS: Final = frozenset(
    {
        "azure active directory powershell",
        "graph explorer",
        "microsoft",
        "microsoft 365",
        "microsoft authenticator",
        "microsoft azure cli",
        "microsoft azure powershell",
        "microsoft exchange online",
        "microsoft graph",
        "microsoft graph command line tools",
        "microsoft office",
        "microsoft outlook",
        "microsoft teams",
        "office 365",
        "office 365 exchange online",
        "office 365 sharepoint online",
        "onedrive",
        "onedrive for business",
        "outlook",
        "sharepoint",
        "sharepoint online",
    }
)


class LookalikeName(Check[InventoriedApplication]):
    """An application's name imitates a well-known publisher's, letter by letter or with letters of other alphabets.

    ATT&CK T1036; https://attack.mitre.org/techniques/T1036/
    """

    name = "checks.applications.lookalike_name"
    title = "Application with a borrowed name"
    severity = "high"
    attack = ("T1036",)
    remedy = "Disable the application, and look who consented to it and what it read."
    collect = applications

    def evaluate(self, fact: InventoriedApplication, look: Look) -> Iterable[Finding]:
        application = fact.application
        if trusted(application, look) or application.verified:
            return
        borrowed = application.name.strip().casefold() in _VENDORS
        if borrowed or lookalike(application.name):
            yield self.finding(
                told(application.name, application.app_id),
                f"{application.name!r} is not by whom its name says"
                if borrowed
                else f"{application.name!r} is not what it reads like",
                severity="medium" if application.own else None,
            )
