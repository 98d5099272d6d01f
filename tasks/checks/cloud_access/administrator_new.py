"""`checks.cloud_access.administrator_new`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_users
from tenantry.capabilities import CloudUser
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class AdministratorNew(Check[CloudUser]):
    """A user who may do everything was made in the window.

    ATT&CK T1136.003, T1098.003; https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html
    """

    name = "checks.cloud_access.administrator_new"
    title = "New user with all rights"
    severity = "high"
    attack = ("T1136.003", "T1098.003")
    remedy = "Ask who made the user; run leaked_cloud_key for whoever did."
    collect = cloud_users

    def evaluate(self, fact: CloudUser, look: Look) -> Iterable[Finding]:
        if fact.rights.administrator and look.new(fact.created_at):
            safe = fact.mfa is True and not any(key.active for key in fact.keys)
            yield self.finding(
                ("principal", fact.arn),
                f"made on {fact.created_at:%Y-%m-%d}, may do everything through {', '.join(fact.rights.through)}",
                at=fact.created_at,
                # A person with a second factor and no key is what a new administrator should look like.
                severity="medium" if safe else None,
                keys=[key.id for key in fact.keys],
            )
