"""`checks.cloud_access.root_signed_in`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_root
from tenantry.capabilities import RootUser
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class RootSignedIn(Check[RootUser]):
    """The root user was used in the window.

    ATT&CK T1078.004; https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-tasks.html: few things need it.
    """

    name = "checks.cloud_access.root_signed_in"
    title = "Root user signed in"
    severity = "medium"
    attack = ("T1078.004",)
    remedy = "Ask who used root and why."
    collect = cloud_root

    def evaluate(self, fact: RootUser, look: Look) -> Iterable[Finding]:
        for what, at in (("signed in at the console", fact.password_used_at), ("used its key", fact.key_used_at)):
            if look.new(at):
                yield self.finding(("principal", f"arn:aws:iam::{fact.account}:root"), f"the root user {what}", at=at)
