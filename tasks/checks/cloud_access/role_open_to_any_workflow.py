"""`checks.cloud_access.role_open_to_any_workflow`"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tasks.checks._collect.cloud import cloud_roles
from tasks.checks._policies import statements
from tenantry.capabilities import CloudRole
from tenantry.sweep.check import Check, Look
from tenantry.sweep.logs.values import as_list
from tenantry.sweep.model import Finding

_PUBLIC: Final = frozenset(
    {"token.actions.githubusercontent.com", "gitlab.com", "app.terraform.io", "accounts.google.com", "oidc.vercel.com"}
)
"""Issuers of which everybody can have tokens."""


class RoleOpenToAnyWorkflow(Check[CloudRole]):
    """A role takes tokens of an issuer that everybody may use, and does not say whose: any workflow of that service may assume it.

    ATT&CK T1199, T1556.007; https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html (the condition on ``sub``)
    """

    name = "checks.cloud_access.role_open_to_any_workflow"
    title = "Role open to any workflow of a public issuer"
    severity = "high"
    attack = ("T1199", "T1556.007")
    remedy = "Name organisation and repository in the condition on `sub`; look at who assumed the role."
    collect = cloud_roles

    def evaluate(self, fact: CloudRole, look: Look) -> Iterable[Finding]:
        for statement in statements(fact.trust):
            issuer = _public_issuer(statement)
            if issuer and not _narrowed(statement, issuer):
                yield self.finding(
                    ("principal", fact.arn),
                    f"takes every token of {issuer}",
                    at=fact.created_at if look.new(fact.created_at) else None,
                    issuer=issuer,
                    administrator=fact.rights.administrator,
                )


def _public_issuer(statement: Mapping[str, Any]) -> str:
    principal = statement.get("Principal")
    federated = as_list(principal.get("Federated")) if isinstance(principal, Mapping) else []
    for one in federated:
        issuer = str(one).partition(":oidc-provider/")[2]
        if issuer in _PUBLIC:
            return issuer
    return ""


def _narrowed(statement: Mapping[str, Any], issuer: str) -> bool:
    """Whether a condition names somebody by the token's subject."""
    for compared in (statement.get("Condition") or {}).values():
        for name, wanted in compared.items() if isinstance(compared, Mapping) else ():
            if str(name).lower() == f"{issuer}:sub":
                return all(str(one) not in ("*", "repo:*", "repo:*/*", "repo:*/*:*") for one in as_list(wanted))
    return False
