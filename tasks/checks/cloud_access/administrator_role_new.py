"""`checks.cloud_access.administrator_role_new`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_roles
from tasks.checks._policies import statements
from tenantry.capabilities import CloudRole
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class AdministratorRoleNew(Check[CloudRole]):
    """A role that may do everything and that people or other accounts may assume was made in the window.

    ATT&CK T1098.003; https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html
    """

    name = "checks.cloud_access.administrator_role_new"
    title = "New role with all rights"
    severity = "medium"
    attack = ("T1098.003",)
    remedy = "Ask who made the role, and look at who assumed it."
    collect = cloud_roles

    def evaluate(self, fact: CloudRole, look: Look) -> Iterable[Finding]:
        principals = [one.get("Principal") for one in statements(fact.trust)]
        # Roles of services (pipelines, stacks) act for nobody but the service.
        people = any(one == "*" or (isinstance(one, dict) and set(one) & {"AWS", "Federated"}) for one in principals)
        if fact.rights.administrator and look.new(fact.created_at) and people and not _of_owner(fact):
            yield self.finding(
                ("principal", fact.arn),
                f"made on {fact.created_at:%Y-%m-%d}, may do everything through {', '.join(fact.rights.through)}",
                at=fact.created_at,
            )


def _of_owner(role: CloudRole) -> bool:
    """What an organisation makes in each of its accounts."""
    return bool(role.owner) and f":{role.owner}:root" in str(role.trust)
