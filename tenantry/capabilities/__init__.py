"""Capabilities: what tasks ask for and providers implement. One Protocol a module, with the data it speaks in.

A provider is pinned to one tenant when it is built; no method takes a tenant. Methods raise only
:class:`~tenantry.errors.ProviderError`. Reads may be repeated; a write whose answer never came raises
:class:`~tenantry.errors.InDoubt`, and nobody but the engine decides what happens then. Lists that grow are async iterators.
"""

from __future__ import annotations

from typing import Any, Final

from tenantry.capabilities.application_inventory import (
    ApplicationInventory,
    ApplicationOwner,
    FederatedCredential,
    GivenPermission,
    InventoriedApplication,
    InventoriedGrant,
)
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
from tenantry.capabilities.cloud_access import (
    CloudAccess,
    CloudRole,
    CloudUser,
    HeldKey,
    IdentityProvider,
    Rights,
    RootUser,
    TrustAnchor,
)
from tenantry.capabilities.cloud_exposure import (
    CloudExposure,
    CloudFunction,
    Firewall,
    Machine,
    OpenBucket,
    Opening,
    SharedDisk,
)
from tenantry.capabilities.cloud_hardening import (
    CloudHardening,
    CloudNetwork,
    ManagedDatabase,
    PasswordRules,
    RegionDefaults,
    RotatedKey,
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
from tenantry.capabilities.cloud_machines import CloudMachines, MadeAgain
from tenantry.capabilities.cloud_watch import CloudWatch, NetworkLog, Recorder, WatchedTrail
from tenantry.capabilities.compliance import Compliance
from tenantry.capabilities.credentials import Credentials
from tenantry.capabilities.directory import (
    AccessPolicy,
    AdministrativeUnit,
    Directory,
    DirectoryDomain,
    Guest,
    NamedLocation,
    PartnerRelation,
    Registration,
    RiskDetection,
    RoleHolding,
)
from tenantry.capabilities.directory_logs import DirectoryLogs
from tenantry.capabilities.directory_settings import (
    ConsentRequests,
    DirectorySettings,
    Liberties,
    RoleRules,
    Sharing,
    SignInMethods,
)
from tenantry.capabilities.dns import Dns, RecordSet, Zone
from tenantry.capabilities.entitlements import Entitlements, Licence, Membership
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
    OtherWayIn,
    Package,
    Process,
    Update,
)
from tenantry.capabilities.host_backup import HostBackup, StagedFile
from tenantry.capabilities.host_service import CommandOutput, DatabaseRestore, HostService, NewestOf
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
from tenantry.capabilities.incidents import Incidents
from tenantry.capabilities.intake import Intake, Pulled
from tenantry.capabilities.logs import AuditRecord, Logs
from tenantry.capabilities.looking import ConnectedSystem, Looking
from tenantry.capabilities.mail import Delegate, Forwarding, InboxRule, Mail, MobileDevice, SentMessage
from tenantry.capabilities.mail_flow import (
    AuditBypass,
    Mailbox,
    MailFlow,
    MailOrganization,
    RemoteDomain,
    SendAsRight,
    TransportRule,
)
from tenantry.capabilities.messenger import ByChannel, Channel, Message, Messenger
from tenantry.capabilities.offboarding import Offboarding
from tenantry.capabilities.onboarding import Onboarding
from tenantry.capabilities.posture import (
    FirewallHook,
    HostPosture,
    Listener,
    Mount,
    Posture,
    Sshd,
    Unit,
)
from tenantry.capabilities.probing import ProbeAnswer, Probing
from tenantry.capabilities.recorded import Recorded
from tenantry.capabilities.risks import Risks
from tenantry.capabilities.secrets import Secrets
from tenantry.capabilities.security_alerts import SecurityAlert, SecurityAlerts
from tenantry.capabilities.storage import Bucket, BucketProtection, Retention, Storage, StoredObject
from tenantry.capabilities.sweeping import Sweeping
from tenantry.capabilities.workspace_backup import WorkspaceBackup

CAPABILITIES: Final[dict[str, Any]] = {
    "application_inventory": ApplicationInventory,
    "applications": Applications,
    "directory": Directory,
    "directory_logs": DirectoryLogs,
    "directory_settings": DirectorySettings,
    "entitlements": Entitlements,
    "identity": Identity,
    "mail": Mail,
    "mail_flow": MailFlow,
    "logs": Logs,
    "messenger": Messenger,
    "host": Host,
    "host_backup": HostBackup,
    "workspace_backup": WorkspaceBackup,
    "posture": Posture,
    "host_service": HostService,
    "secrets": Secrets,
    "credentials": Credentials,
    "backup": Backup,
    "cloud_identity": CloudIdentity,
    "cloud": Cloud,
    "cloud_machines": CloudMachines,
    "cloud_access": CloudAccess,
    "cloud_watch": CloudWatch,
    "cloud_exposure": CloudExposure,
    "cloud_hardening": CloudHardening,
    "cloud_logs": CloudLogs,
    "storage": Storage,
    "dns": Dns,
    "findings": Findings,
    "security_alerts": SecurityAlerts,
    "intake": Intake,
    "looking": Looking,
    "risks": Risks,
    "probing": Probing,
    "recorded": Recorded,
    "sweeping": Sweeping,
    "incidents": Incidents,
    "onboarding": Onboarding,
    "compliance": Compliance,
    "offboarding": Offboarding,
}
"""Name in a task's ``needs`` and in a tenant file → Protocol."""

OWN: Final = frozenset(
    {
        *("secrets", "sweeping", "incidents", "onboarding", "offboarding", "intake"),
        *("looking", "risks", "recorded", "compliance", "probing"),
    }
)
"""Those that the installation provides by itself: no provider offers them, and every client has them."""

__all__ = [
    "CAPABILITIES",
    "OWN",
    "AccessPolicy",
    "Account",
    "AdministrativeUnit",
    "Application",
    "ApplicationCredential",
    "ApplicationGrant",
    "ApplicationInventory",
    "ApplicationOwner",
    "Applications",
    "AuditBypass",
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
    "CloudAccess",
    "CloudCaller",
    "CloudEvent",
    "CloudExposure",
    "CloudFunction",
    "CloudHardening",
    "CloudIdentity",
    "CloudKey",
    "CloudLogin",
    "CloudLogs",
    "CloudMachines",
    "CloudNetwork",
    "CloudPolicy",
    "CloudRole",
    "CloudUser",
    "CloudWatch",
    "CommandOutput",
    "Compliance",
    "ConnectedSystem",
    "Consent",
    "ConsentPolicy",
    "ConsentRequests",
    "Credentials",
    "CronEntry",
    "DatabaseRestore",
    "Delegate",
    "DetectorState",
    "Device",
    "Directory",
    "DirectoryDomain",
    "DirectoryEvent",
    "DirectoryLogs",
    "DirectorySettings",
    "Dns",
    "EncryptionKey",
    "Entitlements",
    "FederatedCredential",
    "Findings",
    "Firewall",
    "FirewallHook",
    "Forwarding",
    "GivenPermission",
    "Guest",
    "HeldKey",
    "Host",
    "HostAccount",
    "HostBackup",
    "HostConnection",
    "HostFacts",
    "HostFile",
    "HostLogin",
    "HostPosture",
    "HostRef",
    "HostService",
    "HostSession",
    "HostSurvey",
    "HostUnit",
    "Identity",
    "IdentityProvider",
    "InboxRule",
    "Incidents",
    "Instance",
    "Intake",
    "InventoriedApplication",
    "InventoriedGrant",
    "Isolation",
    "Liberties",
    "Licence",
    "Listener",
    "Logs",
    "Looking",
    "Machine",
    "MadeAgain",
    "Mail",
    "MailFlow",
    "MailOrganization",
    "Mailbox",
    "ManagedDatabase",
    "Membership",
    "Message",
    "Messenger",
    "MfaDevice",
    "MobileDevice",
    "Mount",
    "NamedLocation",
    "NetworkLog",
    "NewCloudKey",
    "NewestOf",
    "Offboarding",
    "Onboarding",
    "OpenBucket",
    "Opening",
    "OtherWayIn",
    "Owner",
    "Package",
    "PartnerRelation",
    "PasswordRules",
    "Posture",
    "Principal",
    "ProbeAnswer",
    "Probing",
    "Process",
    "PublicAccess",
    "Pulled",
    "RecordSet",
    "Recorded",
    "Recorder",
    "RecoveryPoint",
    "RegionDefaults",
    "Registration",
    "RemoteDomain",
    "RestoreTarget",
    "Retention",
    "Rights",
    "RiskDetection",
    "Risks",
    "RoleAssignment",
    "RoleHolding",
    "RoleRules",
    "RootUser",
    "RotatedKey",
    "Secrets",
    "SecurityAlert",
    "SecurityAlerts",
    "SecurityGroup",
    "SendAsRight",
    "SentMessage",
    "SharedDisk",
    "Sharing",
    "SignIn",
    "SignInMethods",
    "Snapshot",
    "Sshd",
    "StagedFile",
    "Storage",
    "StoredObject",
    "Sweeping",
    "Trail",
    "TransportRule",
    "TrustAnchor",
    "Unit",
    "Update",
    "VendorFinding",
    "Verification",
    "WatchedTrail",
    "WorkspaceBackup",
    "Zone",
]
