"""How a cloud account stands: one collector for each kind of fact, so that a right that is missing hides only what needs it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tenantry.capabilities import (
    CloudFunction,
    CloudNetwork,
    CloudRole,
    CloudUser,
    DetectorState,
    EncryptionKey,
    Firewall,
    IdentityProvider,
    Machine,
    ManagedDatabase,
    NetworkLog,
    OpenBucket,
    PasswordRules,
    Recorder,
    RegionDefaults,
    RootUser,
    RotatedKey,
    SharedDisk,
    TrustAnchor,
    VendorFinding,
    WatchedTrail,
)
from tenantry.sweep.check import Giver, collector
from tenantry.task import Permission

__all__ = [
    "Consoles",
    "Detectors",
    "Trails",
    "cloud_buckets",
    "cloud_consoles",
    "cloud_databases",
    "cloud_defaults",
    "cloud_detectors",
    "cloud_disks",
    "cloud_findings",
    "cloud_firewalls",
    "cloud_functions",
    "cloud_keys",
    "cloud_machines",
    "cloud_network_logs",
    "cloud_networks",
    "cloud_password_rules",
    "cloud_providers",
    "cloud_recorders",
    "cloud_roles",
    "cloud_root",
    "cloud_rotated_keys",
    "cloud_trails",
    "cloud_trust_anchors",
    "cloud_users",
]


def _aws(*names: str) -> tuple[Permission, ...]:
    return (Permission(vendor="aws", names=names),)


_REPORT = ("iam:GenerateCredentialReport", "iam:GetCredentialReport")
_WATCHERS = ("guardduty:ListDetectors", "guardduty:GetDetector", "securityhub:DescribeHub")

# --- who can get in ---------------------------------------------------------------------------------------------------


@collector("cloud_access", permissions=_aws("iam:GetAccountSummary", *_REPORT))
async def cloud_root(given: Giver) -> AsyncIterator[RootUser]:
    """The root user."""
    yield await (await given.capability("cloud_access")).root()


@collector(
    "cloud_access",
    permissions=_aws(
        *("iam:GetAccountAuthorizationDetails", *_REPORT),
        *("iam:ListAccessKeys", "iam:GetLoginProfile", "iam:ListMFADevices"),
    ),
)
async def cloud_users(given: Giver) -> AsyncIterator[CloudUser]:
    """Every user."""
    async for found in (await given.capability("cloud_access")).users():
        yield found


@collector("cloud_access", permissions=_aws("iam:GetAccountAuthorizationDetails", "organizations:DescribeOrganization"))
async def cloud_roles(given: Giver) -> AsyncIterator[CloudRole]:
    """Every role that is neither the vendor's own nor ours."""
    async for found in (await given.capability("cloud_access")).roles():
        if not found.service and not found.ours:
            yield found


@collector(
    "cloud_access",
    permissions=_aws("iam:ListSAMLProviders", "iam:ListOpenIDConnectProviders", "iam:GetOpenIDConnectProvider"),
)
async def cloud_providers(given: Giver) -> AsyncIterator[IdentityProvider]:
    """Who vouches for people and programs, without the vendor's own sign-in service."""
    async for found in (await given.capability("cloud_access")).identity_providers():
        if not found.service:
            yield found


@collector("cloud_access", permissions=_aws("rolesanywhere:ListTrustAnchors"))
async def cloud_trust_anchors(given: Giver) -> AsyncIterator[TrustAnchor]:
    """Certificate authorities that sign in."""
    async for found in (await given.capability("cloud_access")).trust_anchors():
        yield found


# --- what watches -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trails:
    """All trails of the account: whether one that is narrow matters depends on the others."""

    account: str
    trails: tuple[WatchedTrail, ...]


@collector(
    "cloud_watch",
    "cloud_identity",
    permissions=_aws(
        *("cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"),
        *("s3:GetLifecycleConfiguration", "sts:GetCallerIdentity"),
    ),
)
async def cloud_trails(given: Giver) -> AsyncIterator[Trails]:
    """Once, with all of them."""
    account = (await (await given.capability("cloud_identity")).caller()).account
    yield Trails(account, tuple([found async for found in (await given.capability("cloud_watch")).trails()]))


@dataclass(frozen=True, slots=True)
class Detectors:
    """One service's detectors in all regions: where it is missing matters only where it is elsewhere."""

    service: str
    states: tuple[DetectorState, ...]


@collector("findings", permissions=_aws(*_WATCHERS))
async def cloud_detectors(given: Giver) -> AsyncIterator[Detectors]:
    """By service."""
    states = await (await given.capability("findings")).detectors()
    for service in sorted({state.service for state in states}):
        yield Detectors(service, tuple(state for state in states if state.service == service))


@collector(
    "findings",
    permissions=_aws(*_WATCHERS, "guardduty:ListFindings", "guardduty:GetFindings", "securityhub:GetFindings"),
)
async def cloud_findings(given: Giver) -> AsyncIterator[VendorFinding]:
    """What the vendor's own detectors found in the window and nobody has dealt with."""
    async for found in (await given.capability("findings")).findings(given.look.since, least="medium"):
        yield found


@collector(
    "cloud_watch",
    permissions=_aws("config:DescribeConfigurationRecorders", "config:DescribeConfigurationRecorderStatus"),
)
async def cloud_recorders(given: Giver) -> AsyncIterator[Recorder]:
    """Recorders of configuration."""
    async for found in (await given.capability("cloud_watch")).recorders():
        yield found


@collector("cloud_watch", permissions=_aws("ec2:DescribeFlowLogs", "route53resolver:ListResolverQueryLogConfigs"))
async def cloud_network_logs(given: Giver) -> AsyncIterator[NetworkLog]:
    """Flow logs and logs of DNS queries."""
    async for found in (await given.capability("cloud_watch")).network_logs():
        yield found


# --- what lies open ---------------------------------------------------------------------------------------------------


@collector("cloud_exposure", permissions=_aws("ec2:DescribeRegions", "ec2:DescribeSecurityGroups"))
async def cloud_firewalls(given: Giver) -> AsyncIterator[Firewall]:
    """Security groups that open something to the world."""
    async for found in (await given.capability("cloud_exposure")).firewalls():
        yield found


@collector(
    "cloud_exposure",
    permissions=_aws("ec2:DescribeRegions", "ec2:DescribeInstances", "ec2:DescribeInstanceAttribute"),
)
async def cloud_machines(given: Giver) -> AsyncIterator[Machine]:
    """Instances in every region."""
    async for found in (await given.capability("cloud_exposure")).machines():
        yield found


@collector(
    "cloud_exposure",
    permissions=_aws(
        *("ec2:DescribeRegions", "ec2:DescribeSnapshots", "ec2:DescribeSnapshotAttribute", "kms:DescribeKey"),
        *("ec2:DescribeImages", "ec2:DescribeImageAttribute", "rds:DescribeDBSnapshots"),
        *("rds:DescribeDBSnapshotAttributes", "rds:DescribeDBClusterSnapshots"),
        "rds:DescribeDBClusterSnapshotAttributes",
    ),
)
async def cloud_disks(given: Giver) -> AsyncIterator[SharedDisk]:
    """Snapshots and images."""
    async for found in (await given.capability("cloud_exposure")).disks():
        yield found


@collector(
    "cloud_exposure",
    permissions=_aws(
        *("s3:ListAllMyBuckets", "s3:GetBucketLocation", "s3:GetBucketPolicy", "s3:GetBucketAcl"),
        *("s3:GetBucketVersioning", "s3:GetLifecycleConfiguration", "s3:GetBucketPublicAccessBlock"),
        *("s3:GetAccountPublicAccessBlock", "organizations:DescribeOrganization"),
    ),
)
async def cloud_buckets(given: Giver) -> AsyncIterator[OpenBucket]:
    """Buckets."""
    async for found in (await given.capability("cloud_exposure")).buckets():
        yield found


@collector(
    "cloud_exposure", permissions=_aws("lambda:ListFunctions", "lambda:GetPolicy", "organizations:DescribeOrganization")
)
async def cloud_functions(given: Giver) -> AsyncIterator[CloudFunction]:
    """Functions."""
    async for found in (await given.capability("cloud_exposure")).functions():
        yield found


@collector("cloud", permissions=_aws("kms:ListKeys", "kms:DescribeKey"))
async def cloud_keys(given: Giver) -> AsyncIterator[EncryptionKey]:
    """Encryption keys that are the client's own."""
    async for found in (await given.capability("cloud")).encryption_keys():
        if found.managed_by_customer:
            yield found


@dataclass(frozen=True, slots=True)
class Consoles:
    """Regions in which serial consoles may be opened."""

    regions: tuple[str, ...]


@collector("cloud_exposure", permissions=_aws("ec2:DescribeRegions", "ec2:GetSerialConsoleAccessStatus"))
async def cloud_consoles(given: Giver) -> AsyncIterator[Consoles]:
    """Once."""
    yield Consoles(await (await given.capability("cloud_exposure")).serial_consoles())


# --- how it is set up against mishaps ---------------------------------------------------------------------------------


@collector("cloud_hardening", permissions=_aws("iam:GetAccountPasswordPolicy"))
async def cloud_password_rules(given: Giver) -> AsyncIterator[PasswordRules]:
    """Once."""
    yield await (await given.capability("cloud_hardening")).password_rules()


@collector("cloud_hardening", permissions=_aws("ec2:GetEbsEncryptionByDefault"))
async def cloud_defaults(given: Giver) -> AsyncIterator[RegionDefaults]:
    """By region."""
    async for found in (await given.capability("cloud_hardening")).defaults():
        yield found


@collector("cloud_hardening", permissions=_aws("rds:DescribeDBInstances"))
async def cloud_databases(given: Giver) -> AsyncIterator[ManagedDatabase]:
    """Databases that the vendor runs."""
    async for found in (await given.capability("cloud_hardening")).databases():
        yield found


@collector("cloud_hardening", permissions=_aws("kms:ListKeys", "kms:DescribeKey", "kms:GetKeyRotationStatus"))
async def cloud_rotated_keys(given: Giver) -> AsyncIterator[RotatedKey]:
    """Encryption keys that the vendor could replace by itself."""
    async for found in (await given.capability("cloud_hardening")).rotated_keys():
        yield found


@collector(
    "cloud_hardening", permissions=_aws("ec2:DescribeVpcs", "ec2:DescribeFlowLogs", "ec2:DescribeSecurityGroups")
)
async def cloud_networks(given: Giver) -> AsyncIterator[CloudNetwork]:
    """Virtual networks."""
    async for found in (await given.capability("cloud_hardening")).networks():
        yield found
