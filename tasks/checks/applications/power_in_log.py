"""`checks.applications.power_in_log`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class PowerInLog(LogCheck):
    """An application was given powerful permissions or a directory role.

    ATT&CK T1528, T1098.003.
    """

    name = "checks.applications.power_in_log"
    title = "Application made powerful"
    severity = "high"
    attack = ("T1528", "T1098.003")
    remedy = "Take it away unless it was ordered; look at what the application did."
    collect = directory_audits
    rules = ("m365_application_given_power", "m365_application_given_role")
