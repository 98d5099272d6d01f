"""`checks.cloud_access.federation_token_used`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class FederationTokenUsed(LogCheck):
    """Temporary credentials were made that live on when their key is deactivated.

    ATT&CK T1550.001, T1098.001; https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html
    """

    name = "checks.cloud_access.federation_token_used"
    title = "GetFederationToken called"
    severity = "medium"
    attack = ("T1550.001", "T1098.001")
    remedy = "Deny the user everything: deactivating its key does not end such a session."
    collect = cloud_events
    rules = ("aws_federation_token", "aws_federated_user_at_console")
