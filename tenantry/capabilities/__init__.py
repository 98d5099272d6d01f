"""Capabilities: what tasks ask for and providers implement. One Protocol a module, with the data it speaks in.

A provider is pinned to one tenant when it is built; no method takes a tenant. Methods raise only
:class:`~tenantry.errors.ProviderError`. Reads may be repeated; a write whose answer never came raises
:class:`~tenantry.errors.InDoubt`, and nobody but the engine decides what happens then. Lists that grow are async iterators.
"""

from __future__ import annotations

from typing import Any, Final

from tenantry.capabilities.applications import (
    Application,
    ApplicationCredential,
    ApplicationGrant,
    Applications,
    ConsentPolicy,
    Owner,
)
from tenantry.capabilities.backup import (
    Backup,
    BackupJob,
    BackupSource,
    RecoveryPoint,
    RestoreTarget,
    Verification,
)
from tenantry.capabilities.cloud import (
    BackupVault,
    Cloud,
    EncryptionKey,
    Instance,
    PublicAccess,
    SecurityGroup,
    Snapshot,
)
from tenantry.capabilities.cloud_identity import (
    CloudCaller,
    CloudIdentity,
    CloudKey,
    CloudLogin,
    CloudPolicy,
    MfaDevice,
    NewCloudKey,
    Principal,
)
from tenantry.capabilities.cloud_logs import CloudEvent, CloudLogs, Trail
from tenantry.capabilities.credentials import Credentials
from tenantry.capabilities.dns import Dns, RecordSet, Zone
from tenantry.capabilities.findings import DetectorState, Findings, VendorFinding
from tenantry.capabilities.host import (
    AuthorizedKey,
    CronEntry,
    Host,
    HostAccount,
    HostConnection,
    HostFacts,
    HostFile,
    HostLogin,
    HostRef,
    HostSession,
    HostUnit,
    Isolation,
    Package,
    Process,
    Update,
)
from tenantry.capabilities.host_backup import HostBackup, StagedFile
from tenantry.capabilities.host_survey import HostSurvey
from tenantry.capabilities.identity import (
    Account,
    AuthMethod,
    Consent,
    Device,
    DirectoryEvent,
    Identity,
    RoleAssignment,
    SignIn,
)
from tenantry.capabilities.logs import AuditRecord, Logs
from tenantry.capabilities.mail import Delegate, Forwarding, InboxRule, Mail, MobileDevice, SentMessage
from tenantry.capabilities.messenger import ByChannel, Channel, Message, Messenger
from tenantry.capabilities.secrets import Secrets
from tenantry.capabilities.storage import Bucket, BucketProtection, Retention, Storage, StoredObject

CAPABILITIES: Final[dict[str, Any]] = {
    "applications": Applications,
    "identity": Identity,
    "mail": Mail,
    "logs": Logs,
    "messenger": Messenger,
    "host": Host,
    "host_backup": HostBackup,
    "secrets": Secrets,
    "credentials": Credentials,
    "backup": Backup,
    "cloud_identity": CloudIdentity,
    "cloud": Cloud,
    "cloud_logs": CloudLogs,
    "storage": Storage,
    "dns": Dns,
    "findings": Findings,
}
"""Name in a task's ``needs`` and in a tenant file → Protocol."""

__all__ = [
    "CAPABILITIES",
    "Account",
    "Application",
    "ApplicationCredential",
    "ApplicationGrant",
    "Applications",
    "AuditRecord",
    "AuthMethod",
    "AuthorizedKey",
    "Backup",
    "BackupJob",
    "BackupSource",
    "BackupVault",
    "Bucket",
    "BucketProtection",
    "ByChannel",
    "Channel",
    "Cloud",
    "CloudCaller",
    "CloudEvent",
    "CloudIdentity",
    "CloudKey",
    "CloudLogin",
    "CloudLogs",
    "CloudPolicy",
    "Consent",
    "ConsentPolicy",
    "Credentials",
    "CronEntry",
    "Delegate",
    "DetectorState",
    "Device",
    "DirectoryEvent",
    "Dns",
    "EncryptionKey",
    "Findings",
    "Forwarding",
    "Host",
    "HostAccount",
    "HostBackup",
    "HostConnection",
    "HostFacts",
    "HostFile",
    "HostLogin",
    "HostRef",
    "HostSession",
    "HostSurvey",
    "HostUnit",
    "Identity",
    "InboxRule",
    "Instance",
    "Isolation",
    "Logs",
    "Mail",
    "Message",
    "Messenger",
    "MfaDevice",
    "MobileDevice",
    "NewCloudKey",
    "Owner",
    "Package",
    "Principal",
    "Process",
    "PublicAccess",
    "RecordSet",
    "RecoveryPoint",
    "RestoreTarget",
    "Retention",
    "RoleAssignment",
    "Secrets",
    "SecurityGroup",
    "SentMessage",
    "SignIn",
    "Snapshot",
    "StagedFile",
    "Storage",
    "StoredObject",
    "Trail",
    "Update",
    "VendorFinding",
    "Verification",
    "Zone",
]
