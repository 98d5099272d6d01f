"""`checks.identity.legacy_sign_in`"""

from __future__ import annotations

from tasks.checks._collect.logs import sign_ins
from tenantry.sweep.check import LogCheck


class LegacySignIn(LogCheck):
    """Somebody signed in by a protocol that knows no second factor.

    ATT&CK T1078.004.
    """

    name = "checks.identity.legacy_sign_in"
    title = "Sign-in by an old protocol"
    severity = "high"
    attack = ("T1078.004",)
    remedy = "Ask the owner; block old protocols for everybody."
    collect = sign_ins
    rules = ("m365_legacy_sign_in",)
