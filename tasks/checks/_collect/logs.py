"""What vendors log, record by record, in their own form: detections and statistics look at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from tenantry.capabilities import DirectoryLogs, Logs
from tenantry.sweep.check import Giver, collector
from tenantry.sweep.logs.ual import unwrapped
from tenantry.task import Permission

__all__ = ["OPERATIONS", "audit_log", "directory_audits", "sign_ins"]

_REPORTS: Final = (Permission(vendor="microsoft365", names=("AuditLog.Read.All", "Directory.Read.All")),)

OPERATIONS: Final = (
    # rules, rights and settings of mail
    "New-InboxRule", "Set-InboxRule", "Enable-InboxRule", "UpdateInboxRules", "Set-Mailbox", "Add-MailboxPermission",
    "Add-RecipientPermission", "Add-MailboxFolderPermission", "Set-MailboxFolderPermission", "AddFolderPermissions",
    "ModifyFolderPermissions", "Set-CASMailbox", "Set-CASMailboxPlan", "Set-TransportConfig", "Set-OrganizationConfig", "UpdateCalendarDelegation", "Set-MailboxAuditBypassAssociation", "New-ManagementRoleAssignment", "Add-RoleGroupMember",
    "New-JournalRule", "Set-JournalRule", "Enable-JournalRule", "New-App", "Set-App", "New-SweepRule", "Set-SweepRule", "New-MigrationEndpoint",
    "New-MigrationBatch", "New-SyncRequest", "New-MoveRequest", "New-MailboxRestoreRequest", "Remove-ApplicationAccessPolicy",
    "New-AuthenticationPolicy", "Set-AuthenticationPolicy", "Add-eDiscoveryCaseAdmin", "New-eDiscoveryCaseAdmin", "CaseAdminAdded",
    "Add-ComplianceCaseMember", "CaseMemberAdded", "Set-CsTenantFederationConfiguration", "Set-CsExternalAccessPolicy",
    "New-CsExternalAccessPolicy", "Grant-CsExternalAccessPolicy", "SharingPolicyChanged", "DeviceAccessPolicyChanged",
    "NetworkAccessPolicyChanged", "FileMalwareDetected", "FileSyncUploadedMalware", "AlertTriggered", "AlertEntityGenerated", "FileRenamed",
    "New-TransportRule", "Set-TransportRule", "Disable-TransportRule", "Remove-TransportRule", "New-RemoteDomain", "Set-RemoteDomain",
    "New-InboundConnector", "Set-InboundConnector", "New-OutboundConnector", "Set-OutboundConnector", "Set-AdminAuditLogConfig",
    "New-HostedOutboundSpamFilterPolicy", "Set-HostedOutboundSpamFilterPolicy",
    # protection that is taken away
    "Disable-AntiPhishRule", "Remove-AntiPhishRule", "Remove-AntiPhishPolicy", "Disable-SafeLinksRule", "Remove-SafeLinksRule",
    "Remove-SafeLinksPolicy", "Disable-SafeAttachmentRule", "Remove-SafeAttachmentRule", "Remove-SafeAttachmentPolicy",
    "Disable-MalwareFilterRule", "Remove-MalwareFilterRule", "Disable-HostedContentFilterRule", "Remove-DlpCompliancePolicy",
    "Remove-RetentionCompliancePolicy", "Remove-DlpPolicy", "Remove-DlpComplianceRule", "Disable-DlpComplianceRule",
    "Remove-RetentionComplianceRule", "Remove-UnifiedAuditLogRetentionPolicy", "Remove-ProtectionAlert", "Disable-ProtectionAlert",
    "Remove-HoldCompliancePolicy", "Set-HostedConnectionFilterPolicy", "New-HostedConnectionFilterPolicy", "Set-HostedContentFilterPolicy",
    "New-HostedContentFilterPolicy", "New-TenantAllowBlockListItems", "Set-TenantAllowBlockListItems",
    # mail and files that are read, sent, deleted, exported
    "MailItemsAccessed", "Send", "SendAs", "SendOnBehalf", "HardDelete", "SoftDelete", "MoveToDeletedItems", "New-MailboxExportRequest",
    "New-ComplianceSearchAction", "SearchExported", "SearchExportDownloaded", "ViewedSearchExported", "AnonymousLinkCreated",
    "AnonymousLinkUpdated", "FileDownloaded", "FileSyncDownloadedFull", "FileDeleted", "FileRecycled",
)  # fmt: skip
"""What is asked of the unified audit log: what a detection or a statistic looks at. All of a tenant's records would be a hundred times
as many, and the directory's are read where they come from."""


@collector("directory_logs", log="entra-signin", permissions=_REPORTS)
async def sign_ins(given: Giver) -> AsyncIterator[Mapping[str, Any]]:
    """Everybody's sign-ins in the window."""
    logs: DirectoryLogs = await given.capability("directory_logs")
    async for found in logs.sign_ins(given.look.since, given.look.now):
        yield found


@collector("directory_logs", log="entra-audit", permissions=_REPORTS)
async def directory_audits(given: Giver) -> AsyncIterator[Mapping[str, Any]]:
    """What was changed in the directory in the window."""
    logs: DirectoryLogs = await given.capability("directory_logs")
    async for found in logs.audits(given.look.since, given.look.now):
        yield found


@collector(
    "logs", log="ual", permissions=(Permission(vendor="microsoft365", names=("AuditLogsQuery.Read.All",)),), first=True
)
async def audit_log(given: Giver) -> AsyncIterator[Mapping[str, Any]]:
    """The unified audit log of the window, as far as detections look at it. The vendor takes minutes to search."""
    logs: Logs = await given.capability("logs")
    async for found in logs.search(given.look.since, given.look.now, operations=OPERATIONS):
        record = unwrapped(found.raw)
        yield found.raw if record is None else record
