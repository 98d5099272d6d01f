"""`checks.identity.second_factor_disabled`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class SecondFactorDisabled(LogCheck):
    """The second factor of an account was switched off.

    ATT&CK T1556.006.
    """

    name = "checks.identity.second_factor_disabled"
    title = "Second factor switched off"
    severity = "high"
    attack = ("T1556.006",)
    remedy = "Switch it on again; contain the account if its owner did not ask for it."
    collect = directory_audits
    rules = (
        "m365_mfa_disabled",
        "m365_sign_in_methods_changed",
    )
