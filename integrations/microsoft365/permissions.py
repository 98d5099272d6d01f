"""Which application permissions of Microsoft Graph contain others.

Tasks declare the least permission that their calls need. A tenant may have granted a wider one, which does as well: the "Permissions" table of
each call's page lists them from least to most (learn.microsoft.com/graph/api/…, e.g. user-update, user-get, device-update,
rbacapplication-list-roleassignments), and learn.microsoft.com/graph/permissions-reference describes each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["CONTAINS", "wider", "with_contained"]

CONTAINS: Final[dict[str, tuple[str, ...]]] = {
    "Application.ReadWrite.All": ("Application.Read.All",),
    "AuditLogsQuery.Read.All": (
        "AuditLogsQuery-Entra.Read.All",
        "AuditLogsQuery-Exchange.Read.All",
        "AuditLogsQuery-OneDrive.Read.All",
        "AuditLogsQuery-SharePoint.Read.All",
    ),
    "BackupRestore-Configuration.ReadWrite.All": ("BackupRestore-Configuration.Read.All",),
    "Device.ReadWrite.All": ("Device.Read.All",),
    "Directory.Read.All": (
        "AdministrativeUnit.Read.All",
        "Application.Read.All",
        "Device.Read.All",
        "Domain.Read.All",
        "GroupMember.Read.All",
        "Organization.Read.All",
        "RoleManagement.Read.Directory",
        "User.Read.All",
    ),
    "Directory.ReadWrite.All": ("DelegatedPermissionGrant.ReadWrite.All", "Device.ReadWrite.All", "Directory.Read.All"),
    "Group.Read.All": ("GroupMember.Read.All",),
    "GroupMember.ReadWrite.All": ("GroupMember.Read.All",),
    "IdentityRiskyUser.ReadWrite.All": ("IdentityRiskyUser.Read.All",),
    "Mail.Read": ("Mail.ReadBasic.All",),
    "Mail.ReadWrite": ("Mail.Read",),
    "MailboxSettings.ReadWrite": ("MailboxSettings.Read",),
    "Policy.ReadWrite.Authorization": ("Policy.Read.All",),
    "Organization.ReadWrite.All": ("Organization.Read.All",),
    "RoleManagement.Read.All": ("RoleManagement.Read.Directory",),
    "RoleManagement.ReadWrite.Directory": ("RoleManagement.Read.Directory",),
    "User.ReadWrite.All": (
        "User.EnableDisableAccount.All",
        "User.Read.All",
        "User.RevokeSessions.All",
        "User-PasswordProfile.ReadWrite.All",
    ),
    "UserAuthenticationMethod.ReadWrite.All": ("UserAuthenticationMethod.Read.All",),
}
"""Permission → what it contains directly."""


def with_contained(granted: Iterable[str]) -> frozenset[str]:
    """What is granted, and all that follows from it."""
    found: set[str] = set()
    waiting = list(granted)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(CONTAINS.get(name, ()))
    return frozenset(found)


def wider(granted: Iterable[str]) -> dict[str, frozenset[str]]:
    """Name → all that it contains, for those that contain something."""
    return {name: with_contained([name]) - {name} for name in granted if name in CONTAINS}
