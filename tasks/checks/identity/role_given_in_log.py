"""`checks.identity.role_given_in_log`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class RoleGivenInLog(LogCheck):
    """A privileged role was given, or a new account was made privileged.

    ATT&CK T1098.003.
    """

    name = "checks.identity.role_given_in_log"
    title = "Privileged role given in the log"
    severity = "critical"
    attack = ("T1098.003",)
    remedy = "Take the role away unless it was ordered, and contain whoever gave it."
    collect = directory_audits
    rules = ("m365_privileged_role_given", "m365_dynamic_group_rule_changed", "m365_new_user_made_privileged")
