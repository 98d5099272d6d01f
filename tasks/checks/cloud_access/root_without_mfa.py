"""`checks.cloud_access.root_without_mfa`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_root
from tenantry.capabilities import RootUser
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class RootWithoutMfa(Check[RootUser]):
    """The root user has no second factor. One without credentials, as organisations keep them, needs none.

    ATT&CK T1078.004; https://docs.aws.amazon.com/IAM/latest/UserGuide/enable-mfa-for-root.html
    """

    name = "checks.cloud_access.root_without_mfa"
    title = "Root user without a second factor"
    severity = "medium"
    attack = ("T1078.004",)
    remedy = "Give it a second factor, or have the organisation take its credentials away."
    collect = cloud_root

    def evaluate(self, fact: RootUser, look: Look) -> Iterable[Finding]:
        if fact.mfa is False:
            yield self.finding(("principal", f"arn:aws:iam::{fact.account}:root"), "the root user has no second factor")
