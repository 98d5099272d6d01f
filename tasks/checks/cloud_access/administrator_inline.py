"""`checks.cloud_access.administrator_inline`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_users
from tenantry.capabilities import CloudUser
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class AdministratorInline(Check[CloudUser]):
    """A user may do everything by a policy of its own, which no list of policies shows.

    ATT&CK T1098.003; https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html
    """

    name = "checks.cloud_access.administrator_inline"
    title = "All rights by a policy of the user's own"
    severity = "medium"
    attack = ("T1098.003",)
    remedy = "Ask who wrote the policy; take it away (cloud.remove_policy) unless somebody answers for it."
    collect = cloud_users

    def evaluate(self, fact: CloudUser, look: Look) -> Iterable[Finding]:
        if fact.rights.inline_administrator:
            yield self.finding(("principal", fact.arn), f"may do everything through {', '.join(fact.rights.through)}")
