"""`checks.identity.sign_in_at_risk`"""

from __future__ import annotations

from tasks.checks._collect.logs import sign_ins
from tenantry.sweep.check import LogCheck


class SignInAtRisk(LogCheck):
    """The vendor rates a sign-in as risky, or somebody gave in to requests for their second factor.

    ATT&CK T1078.004, T1621.
    """

    name = "checks.identity.sign_in_at_risk"
    title = "Risky sign-in"
    severity = "high"
    attack = ("T1078.004", "T1621")
    remedy = "Ask the owner; revoke the sessions and reset the password."
    collect = sign_ins
    rules = (
        "m365_sign_in_at_risk",
        "m365_risk_of_a_stolen_token",
        "m365_second_factor_pushed",
        "m365_second_factor_refused",
    )
