"""`checks.cloud_access.user_without_mfa`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_users
from tenantry.capabilities import CloudUser
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class UserWithoutMfa(Check[CloudUser]):
    """A user signs in at the console with a password alone.

    ATT&CK T1078.004; https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa.html
    """

    name = "checks.cloud_access.user_without_mfa"
    title = "Console user without a second factor"
    severity = "low"
    attack = ("T1078.004",)
    remedy = "Have the user register a second factor; require it by policy."
    collect = cloud_users

    def evaluate(self, fact: CloudUser, look: Look) -> Iterable[Finding]:
        if fact.password is None or (fact.password and fact.mfa is None):
            raise CannotCheck("whether a user has a password and a second factor is not known")
        if fact.password and not fact.mfa:
            used = look.new(fact.password_used_at)
            yield self.finding(
                ("principal", fact.arn),
                "a password without a second factor"
                + (f", used on {fact.password_used_at:%Y-%m-%d}" if fact.password_used_at else ""),
                severity="medium" if used else None,
                administrator=fact.rights.administrator,
            )
