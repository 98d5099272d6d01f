"""`checks.cloud_access.identity_provider_changed`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class IdentityProviderChanged(LogCheck):
    """A SAML or OIDC provider, or Identity Center, was changed.

    ATT&CK T1484.002, T1556.007; https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateSAMLProvider.html
    """

    name = "checks.cloud_access.identity_provider_changed"
    title = "Who may sign in was changed"
    severity = "medium"
    attack = ("T1484.002", "T1556.007")
    remedy = "Compare the provider's description with the true one; remove a provider that nobody ordered."
    collect = cloud_events
    rules = ("aws_identity_provider_changed",)
