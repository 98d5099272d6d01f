"""`checks.identity.sensitive_from_new_place`"""

from __future__ import annotations

from tasks.checks._collect.logs import audit_log
from tenantry.sweep.check import LogCheck


class SensitiveFromNewPlace(LogCheck):
    """Somebody changed something sensitive from a network and with a client that they never used.

    ATT&CK T1078.
    """

    name = "checks.identity.sensitive_from_new_place"
    title = "Sensitive change from a new place"
    severity = "high"
    attack = ("T1078",)
    remedy = "Ask the owner; if it was not them, run business_email_compromise for the account."
    collect = audit_log
    rules = ("new_origin_then_sensitive",)
