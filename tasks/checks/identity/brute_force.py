"""`checks.identity.brute_force`"""

from __future__ import annotations

from tasks.checks._collect.logs import sign_ins
from tenantry.sweep.check import LogCheck


class BruteForce(LogCheck):
    """An account was tried until it opened.

    ATT&CK T1110.001.
    """

    name = "checks.identity.brute_force"
    title = "Guessed password"
    severity = "high"
    attack = ("T1110.001",)
    remedy = "Revoke the account's sessions, reset its password, and look at what was done since."
    collect = sign_ins
    rules = ("password_guessed", "password_guessing")
