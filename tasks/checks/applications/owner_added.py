"""`checks.applications.owner_added`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class OwnerAdded(LogCheck):
    """Somebody became owner of an application, and may add secrets to it.

    ATT&CK T1098.
    """

    name = "checks.applications.owner_added"
    title = "Owner added to an application"
    severity = "medium"
    attack = ("T1098",)
    remedy = "Ask who ordered it."
    collect = directory_audits
    rules = ("m365_application_owner_added",)
