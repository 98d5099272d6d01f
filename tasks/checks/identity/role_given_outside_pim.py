"""`checks.identity.role_given_outside_pim`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class RoleGivenOutsidePim(LogCheck):
    """A role was given past Privileged Identity Management.

    ATT&CK T1078, T1098.003.
    """

    name = "checks.identity.role_given_outside_pim"
    title = "Role given outside PIM"
    severity = "high"
    attack = ("T1078", "T1098.003")
    remedy = "Have it given through Privileged Identity Management, or take it away; ask who gave it."
    collect = directory_audits
    rules = ("m365_role_given_outside_pim", "m365_elevated_to_all_subscriptions", "m365_pim_guard_weakened")
