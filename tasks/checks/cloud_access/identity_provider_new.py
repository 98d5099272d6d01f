"""`checks.cloud_access.identity_provider_new`"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.checks._collect.cloud import cloud_providers
from tenantry.capabilities import IdentityProvider
from tenantry.errors import CannotCheck
from tenantry.sweep.check import Check, Look
from tenantry.sweep.model import Finding


class IdentityProviderNew(Check[IdentityProvider]):
    """Somebody outside was given the right to say who people are, in the window.

    ATT&CK T1484.002, T1556.007; https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create.html
    """

    name = "checks.cloud_access.identity_provider_new"
    title = "New identity provider"
    severity = "high"
    attack = ("T1484.002", "T1556.007")
    remedy = "Ask who made it; remove it if nobody answers, with the roles that trust it."
    collect = cloud_providers

    def evaluate(self, fact: IdentityProvider, look: Look) -> Iterable[Finding]:
        if fact.created_at is None:
            raise CannotCheck("when an identity provider was made is not known")
        if look.new(fact.created_at):
            yield self.finding(
                ("identity_provider", fact.id),
                f"the {fact.kind.upper()} provider {fact.name} was made on {fact.created_at:%Y-%m-%d}",
                at=fact.created_at,
                # Programs are let in so, one role at a time; people by SAML, into whatever roles trust it.
                severity=None if fact.kind == "saml" else "medium",
                audiences=list(fact.audiences),
            )
