"""`checks.access.unit_changed`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class UnitChanged(LogCheck):
    """The members of an administrative unit were hidden.

    ATT&CK T1564.
    """

    name = "checks.access.unit_changed"
    title = "Administrative unit hidden in the log"
    severity = "high"
    attack = ("T1564",)
    remedy = "Look who is in it."
    collect = directory_audits
    rules = ("m365_hidden_administrative_unit",)
