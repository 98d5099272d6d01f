"""`checks.identity.unlikely_place`"""

from __future__ import annotations

from tasks.checks._collect.logs import sign_ins
from tenantry.sweep.check import LogCheck


class UnlikelyPlace(LogCheck):
    """Somebody signed in from places too far apart, or one session was used from two.

    ATT&CK T1078.
    """

    name = "checks.identity.unlikely_place"
    title = "Impossible travel"
    severity = "high"
    attack = ("T1078",)
    remedy = "Ask the owner; if it was not them, run business_email_compromise for the account."
    collect = sign_ins
    rules = ("impossible_travel", "session_from_two_places")
