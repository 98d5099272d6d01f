"""`checks.cloud_access.two_active_keys`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_users
from tenantry.capabilities import CloudUser
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class TwoActiveKeys(Check[CloudUser]):
    """A user has two active keys: one for its program, one for whom? While keys are exchanged it is so for a day.

    ATT&CK T1098.001; https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html
    """

    name = "checks.cloud_access.two_active_keys"
    title = "Two active access keys"
    severity = "low"
    attack = ("T1098.001",)
    remedy = "Ask what the younger key is for; deactivate it if nobody knows (cloud.deactivate_key)."
    collect = cloud_users

    def evaluate(self, fact: CloudUser, look: Look) -> Iterable[Finding]:
        active = sorted((key for key in fact.keys if key.active), key=lambda key: key.created_at)
        if len(active) > 1:
            younger = active[-1]
            new = look.new(younger.created_at)
            yield self.finding(
                ("principal", fact.arn),
                f"{active[0].id} of {active[0].created_at:%Y-%m-%d} and {younger.id} of {younger.created_at:%Y-%m-%d}",
                at=younger.created_at if new else None,
                severity="medium" if new else None,
                keys=[key.id for key in active],
                administrator=fact.rights.administrator,
            )
