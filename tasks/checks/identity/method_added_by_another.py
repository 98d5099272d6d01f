"""`checks.identity.method_added_by_another`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class MethodAddedByAnother(LogCheck):
    """A method of sign-in was added to an account by somebody else.

    ATT&CK T1098.005, T1556.006.
    """

    name = "checks.identity.method_added_by_another"
    title = "Method added by somebody else"
    severity = "medium"
    attack = ("T1098.005", "T1556.006")
    remedy = "Ask the account's owner, by telephone."
    collect = directory_audits
    rules = ("m365_method_added_by_administrator", "m365_password_reset_then_method")
