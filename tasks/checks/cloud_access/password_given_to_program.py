"""`checks.cloud_access.password_given_to_program`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_users
from tenantry.capabilities import CloudUser
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class PasswordGivenToProgram(Check[CloudUser]):
    """A user that works with keys, as programs do, was given a console password in the window, and has no second factor.

    ATT&CK T1098, T1078.004; https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_admin-change-user.html
    """

    name = "checks.cloud_access.password_given_to_program"
    title = "Console password on a program's user"
    severity = "medium"
    attack = ("T1098", "T1078.004")
    remedy = "Remove the password (cloud.remove_login) unless somebody answers for it, and look for sign-ins with it."
    collect = cloud_users

    def evaluate(self, fact: CloudUser, look: Look) -> Iterable[Finding]:
        if fact.password is None:
            raise CannotCheck("whether a user has a password is not known")
        program = any(not look.new(key.created_at) for key in fact.keys) and not look.new(fact.created_at)
        if fact.password and not fact.mfa and program and look.new(fact.password_changed_at):
            yield self.finding(
                ("principal", fact.arn),
                "a user with older access keys was given a password and no second factor",
                at=fact.password_changed_at,
                severity="high" if fact.rights.administrator else None,
            )
