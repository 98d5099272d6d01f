"""`checks.identity.password_spray`"""

from __future__ import annotations

from tasks.checks._collect.logs import sign_ins
from tenantry.sweep.check import LogCheck


class PasswordSpray(LogCheck):
    """One address, or one network, tries many accounts.

    ATT&CK T1110.003.
    """

    name = "checks.identity.password_spray"
    title = "Password spray"
    severity = "high"
    attack = ("T1110.003",)
    remedy = "Block the address, look for a success among the tries, and have those accounts change their passwords."
    collect = sign_ins
    rules = ("password_spray", "password_spray_opened", "m365_spray_by_program")
