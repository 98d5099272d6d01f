"""`checks.applications.credential_in_log`"""

from __future__ import annotations

from tasks.checks._collect.logs import directory_audits
from tenantry.sweep.check import LogCheck


class CredentialInLog(LogCheck):
    """A secret, certificate or federated credential was added to an application.

    ATT&CK T1098.001.
    """

    name = "checks.applications.credential_in_log"
    title = "Credential added to an application"
    severity = "high"
    attack = ("T1098.001",)
    remedy = (
        "Ask the application's owner; remove the credential if nobody added it, and look at the application's sign-ins."
    )
    collect = directory_audits
    rules = ("m365_application_credential_added", "m365_application_federated")
