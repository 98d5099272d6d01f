"""`checks.access.conditional_access_changed`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class ConditionalAccessChanged(LogCheck):
    """A rule of Conditional Access was weakened or deleted.

    ATT&CK T1556.009.
    """

    name = "checks.access.conditional_access_changed"
    title = "Conditional Access weakened or deleted"
    severity = "high"
    attack = ("T1556.009",)
    remedy = "Put the rule back; ask who changed it and why."
    collect = directory_audits
    rules = ("m365_conditional_access_weakened", "m365_security_defaults_off")
