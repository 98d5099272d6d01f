"""`checks.cloud_access.root_has_key`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_root
from tenantry.capabilities import RootUser
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class RootHasKey(Check[RootUser]):
    """The root user has an access key, which no policy binds.

    ATT&CK T1098.001, T1078.004; https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html
    """

    name = "checks.cloud_access.root_has_key"
    title = "Root user has an access key"
    severity = "high"
    attack = ("T1098.001", "T1078.004")
    remedy = "Delete the key as root, and look at what it was used for."
    collect = cloud_root

    def evaluate(self, fact: RootUser, look: Look) -> Iterable[Finding]:
        if fact.keys:
            used = look.new(fact.key_used_at)
            yield self.finding(
                ("principal", f"arn:aws:iam::{fact.account}:root"),
                "the root user has an access key"
                + (f", last used on {fact.key_used_at:%Y-%m-%d}" if fact.key_used_at else ""),
                at=fact.key_used_at if used else None,
                severity="critical" if used else None,
            )
