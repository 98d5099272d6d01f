"""`checks.cloud_access.administrator_key_new`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_users
from tenantry.capabilities import CloudUser
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class AdministratorKeyNew(Check[CloudUser]):
    """An administrator, known before, was given a long-lived key in the window.

    ATT&CK T1098.001; https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html (no long-lived keys for people)
    """

    name = "checks.cloud_access.administrator_key_new"
    title = "New access key of an administrator"
    severity = "medium"
    attack = ("T1098.001",)
    remedy = "Ask the administrator; deactivate the key if it is not theirs (cloud.deactivate_key)."
    collect = cloud_users

    def evaluate(self, fact: CloudUser, look: Look) -> Iterable[Finding]:
        for key in fact.keys:
            if fact.rights.administrator and key.active and look.new(key.created_at) and not look.new(fact.created_at):
                yield self.finding(
                    ("principal", fact.arn),
                    f"the key {key.id} was made on {key.created_at:%Y-%m-%d}",
                    at=key.created_at,
                )
