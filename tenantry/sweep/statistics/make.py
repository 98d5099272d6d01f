"""A statistical check's finding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tenantry.sweep.collect import MOST_IDS
from tenantry.sweep.model import Finding

__all__ = ["SENSITIVE", "make"]

SENSITIVE: Final = frozenset(
    {
        # Amazon: credentials, rights, logs, ways in and out
        "CreateUser", "CreateAccessKey", "CreateLoginProfile", "UpdateLoginProfile", "AttachUserPolicy", "PutUserPolicy", "AttachRolePolicy",
        "PutRolePolicy", "UpdateAssumeRolePolicy", "CreateRole", "StopLogging", "DeleteTrail", "PutEventSelectors", "DeleteFlowLogs",
        "DeleteDetector", "UpdateDetector", "PutBucketPolicy", "ModifySnapshotAttribute", "ModifyImageAttribute", "ModifyDBSnapshotAttribute",
        "GetSecretValue", "BatchGetSecretValue", "SendCommand", "StartSession", "AuthorizeSecurityGroupIngress", "GetFederationToken",
        "DeactivateMFADevice", "DeleteVirtualMFADevice", "CreateTrustAnchor", "SendSSHPublicKey", "GetPasswordData", "DeleteBucket",
        "DeleteObjects", "ScheduleKeyDeletion", "AddUserToGroup", "ModifyInstanceAttribute", "CreateSAMLProvider", "CreateOpenIDConnectProvider",
        # Microsoft: rules, rights, consents, methods
        "New-InboxRule", "Set-InboxRule", "UpdateInboxRules", "Set-Mailbox", "Add-MailboxPermission", "Add-RecipientPermission",
        "AddFolderPermissions", "New-TransportRule", "Set-TransportRule", "Consent to application", "Add delegated permission grant",
        "Add member to role", "User registered security info", "User registered all required security info", "User changed default security info",
        "Add service principal credentials", "Update application - Certificates and secrets management", "Add owner to application",
        "Register device", "Add registered owner to device", "Disable Strong Authentication", "Update conditional access policy",
        "Delete conditional access policy", "Set domain authentication", "Set federation settings on domain",
    }
)  # fmt: skip
"""What an intruder does with access: a rare origin matters when one of these follows."""


def make(
    rule: str,
    title: str,
    severity: str,
    attack: tuple[str, ...],
    entity: tuple[str, str],
    remedy: str,
    *,
    ids: Iterable[str],
    count: int,
    first: float,
    last: float,
    summary: str,
    **compared: Any,
) -> Finding:
    """A finding with what it compared."""
    found = Finding(rule, title, severity, attack, {"type": entity[0], "id": entity[1]}, remedy)
    found.event_ids = list(dict.fromkeys(one for one in ids if one))[:MOST_IDS]
    found.count, found.first_seen, found.last_seen = count, first, last
    found.evidence = {"summary": summary, "compared": compared}
    return found
