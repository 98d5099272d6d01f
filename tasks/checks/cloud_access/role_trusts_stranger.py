"""`checks.cloud_access.role_trusts_stranger`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_roles
from tasks.checks._policies import entrances
from tenantry.capabilities import CloudRole
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class RoleTrustsStranger(Check[CloudRole]):
    """A role lets in an account that nobody named: not this one, not the MSP's, not the organisation's. With an external id it is how vendors are connected.

    ATT&CK T1098.003, T1199; https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html
    """

    name = "checks.cloud_access.role_trusts_stranger"
    title = "Role lets an unknown account in"
    severity = "high"
    attack = ("T1098.003", "T1199")
    remedy = "Ask whose account it is. Put the trust back (cloud.restore_trust) and revoke the role's sessions, or name it in the tenant's file."
    collect = cloud_roles

    def evaluate(self, fact: CloudRole, look: Look) -> Iterable[Finding]:
        for entrance in entrances(fact.trust, fact.account, look.known, fact.owner):
            everybody = entrance.who == "*"
            if fact.organization and fact.organization.lower() in entrance.conditions:
                continue
            new = look.new(fact.created_at)
            yield self.finding(
                ("principal", fact.arn),
                f"{'anybody' if everybody else entrance.who} may assume it"
                + (" with an external id" if entrance.external_id else ""),
                at=fact.created_at if new else None,
                severity="critical" if everybody else "low" if entrance.external_id else None,
                account=entrance.who,
                administrator=fact.rights.administrator,
                last_used=fact.last_used_at.isoformat() if fact.last_used_at else None,
            )
