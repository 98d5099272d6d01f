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

CAPABILITIES: Final[dict[str, Any]] = {
    "applications": Applications,
    "identity": Identity,
    "mail": Mail,
    "logs": Logs,
    "messenger": Messenger,
    "host": Host,
    "secrets": Secrets,
    "backup": Backup,
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
    "ByChannel",
    "Channel",
    "Consent",
    "ConsentPolicy",
    "CronEntry",
    "Delegate",
    "Device",
    "DirectoryEvent",
    "Forwarding",
    "Host",
    "HostAccount",
    "HostConnection",
    "HostFacts",
    "HostFile",
    "HostLogin",
    "HostRef",
    "HostSession",
    "HostUnit",
    "Identity",
    "InboxRule",
    "Isolation",
    "Logs",
    "Mail",
    "Message",
    "Messenger",
    "MobileDevice",
    "Owner",
    "Package",
    "Process",
    "RecoveryPoint",
    "RestoreTarget",
    "RoleAssignment",
    "Secrets",
    "SentMessage",
    "SignIn",
    "Update",
    "Verification",
]
