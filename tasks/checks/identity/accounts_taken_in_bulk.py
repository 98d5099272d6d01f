"""`checks.identity.accounts_taken_in_bulk`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class AccountsTakenInBulk(LogCheck):
    """Many accounts were deleted, disabled or had their passwords reset at once.

    ATT&CK T1531; https://learn.microsoft.com/en-us/entra/identity/monitoring-health/reference-audit-activities
    """

    name = "checks.identity.accounts_taken_in_bulk"
    title = "Accounts taken in bulk"
    severity = "medium"
    attack = ("T1531",)
    remedy = "Ask whoever did it; contain the account if it was not them, and restore deleted users."
    collect = directory_audits
    rules = (
        "m365_accounts_taken_in_bulk",
        "m365_objects_destroyed",
    )
