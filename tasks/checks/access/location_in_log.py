"""`checks.access.location_in_log`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class LocationInLog(LogCheck):
    """A place was made trusted.

    ATT&CK T1556.009.
    """

    name = "checks.access.location_in_log"
    title = "Trusted location in the log"
    severity = "medium"
    attack = ("T1556.009",)
    remedy = "Check the addresses."
    collect = directory_audits
    rules = ("m365_trusted_location_added",)
