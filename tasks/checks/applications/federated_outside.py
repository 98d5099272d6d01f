"""`checks.applications.federated_outside`"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from tasks.checks._collect.applications import applications, told, trusted
from tenantry.capabilities import InventoriedApplication
from tenantry.sweep.check import Check, Look
from tenantry.sweep.logs.m365_policies import BUILDERS
from tenantry.sweep.model import Finding

_ENTRA: Final = ("login.microsoftonline.com", "sts.windows.net")


class FederatedOutside(Check[InventoriedApplication]):
    """Tokens of a provider that nobody knows sign in as an application.

    Well-known builders of software are how deployments sign in. ATT&CK T1098.001;
    https://learn.microsoft.com/entra/workload-id/workload-identity-federation
    """

    name = "checks.applications.federated_outside"
    title = "Application trusts an unknown provider"
    severity = "high"
    attack = ("T1098.001",)
    remedy = (
        "Remove the federated credential unless somebody can name the provider, and look at the application's sign-ins."
    )
    collect = applications

    def evaluate(self, fact: InventoriedApplication, look: Look) -> Iterable[Finding]:
        application = fact.application
        if trusted(application, look):
            return
        home = str(application.raw.get("appOwnerOrganizationId") or "").lower() if application.own else ""
        for one in fact.federated:
            address = urlsplit(one.issuer)
            host = (address.hostname or "").lower()
            if host in _ENTRA:
                tenant = address.path.strip("/").partition("/")[0].lower()
                if tenant == home or tenant in look.known.partners:
                    continue
            elif any(host == builder or host.endswith(f".{builder}") or builder in one.issuer for builder in BUILDERS):
                continue
            yield self.finding(
                told(application.name, application.app_id),
                f"tokens of {one.issuer} for {one.subject} sign in as {application.name}",
                credential_id=one.id,
                credential=one.name,
            )
