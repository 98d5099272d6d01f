"""`checks.applications.address_changed`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class AddressChanged(LogCheck):
    """Where an application sends its sign-ins was changed.

    ATT&CK T1528.
    """

    name = "checks.applications.address_changed"
    title = "Address of an application changed"
    severity = "high"
    attack = ("T1528",)
    remedy = "Check the address with the application's owner."
    collect = directory_audits
    rules = ("m365_application_address_changed",)
