"""The IAM actions behind each method: the least-privilege policy of a client's role, and what `tenants check` compares.

Names of actions: docs.aws.amazon.com/service-authorization/latest/reference (one page a service). Most are the operation's own name; S3's are not.
A test runs every method and fails where AWS would be asked for an action that does not stand here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = ["ACTIONS", "EXCESSIVE", "OPERATIONS", "action_of", "every_action", "least_policy"]

_PRINCIPAL: Final = ("iam:GetUser", "iam:GetRole", "iam:GetGroup", "iam:ListUsers", "iam:ListRoles", "iam:ListGroups")
_KEYS: Final = ("iam:GetAccessKeyLastUsed", "iam:ListAccessKeys")
_POLICIES: Final = (
    *("iam:ListUserPolicies", "iam:GetUserPolicy", "iam:ListAttachedUserPolicies"),
    *("iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"),
    *("iam:ListGroupPolicies", "iam:GetGroupPolicy", "iam:ListAttachedGroupPolicies"),
    *("iam:GetPolicy", "iam:GetPolicyVersion"),
)
_INLINE: Final = tuple(f"iam:Get{kind}Policy" for kind in ("User", "Role"))
_PUT: Final = ("iam:PutUserPolicy", "iam:PutRolePolicy")
_DELETE: Final = ("iam:DeleteUserPolicy", "iam:DeleteRolePolicy")
_SNAPSHOTS: Final = ("ec2:DescribeSnapshots", "ec2:DescribeLockedSnapshots")
_TRAILS: Final = ("cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus")
_BACKUP_READS: Final = (
    *("backup:ListProtectedResources", "backup:ListRecoveryPointsByResource", "backup:DescribeRecoveryPoint"),
    *("backup:DescribeBackupJob", "backup:DescribeRestoreJob", "backup:DescribeBackupVault"),
    *("rds:DescribeDBInstances", "rds:DescribeDBSnapshots"),
)
_BACKUP_MARKS: Final = ("backup:ListBackupVaults", "backup:ListTags")
_DETECTORS: Final = ("guardduty:ListDetectors", "guardduty:GetDetector", "securityhub:DescribeHub")
_FINDINGS: Final = ("guardduty:ListFindings", "guardduty:GetFindings", "securityhub:GetFindings")

_OVERVIEW: Final = "iam:GetAccountAuthorizationDetails"
_REPORT: Final = ("iam:GenerateCredentialReport", "iam:GetCredentialReport")
_ORGANIZATION: Final = "organizations:DescribeOrganization"
_BUCKETS: Final = (
    *("s3:ListAllMyBuckets", "s3:GetBucketLocation", "s3:GetBucketPolicy", "s3:GetBucketAcl"),
    *("s3:GetBucketVersioning", "s3:GetLifecycleConfiguration"),
    *("s3:GetBucketPublicAccessBlock", "s3:GetAccountPublicAccessBlock"),
)
_DISKS: Final = (
    *("ec2:DescribeSnapshots", "ec2:DescribeSnapshotAttribute", "ec2:DescribeImages", "ec2:DescribeImageAttribute"),
    *("rds:DescribeDBSnapshots", "rds:DescribeDBSnapshotAttributes"),
    *("rds:DescribeDBClusterSnapshots", "rds:DescribeDBClusterSnapshotAttributes"),
)

ACTIONS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "cloud_identity": {
        "caller": ("sts:GetCallerIdentity",),
        "principals": ("iam:ListUsers", "iam:ListRoles", "iam:ListGroups"),
        "principal": _PRINCIPAL,
        "administrators": ("iam:GetAccountAuthorizationDetails", "iam:GetLoginProfile", "iam:GetUser", *_KEYS),
        "keys": _KEYS,
        "key": _KEYS,
        "set_key_active": ("iam:GetAccessKeyLastUsed", "iam:UpdateAccessKey"),
        "create_key": ("iam:CreateAccessKey",),
        "remove_key": ("iam:GetAccessKeyLastUsed", "iam:DeleteAccessKey"),
        "login": ("iam:GetLoginProfile", "iam:GetUser"),
        "remove_login": ("iam:DeleteLoginProfile",),
        "set_login": ("iam:GetLoginProfile", "iam:GetUser", "iam:CreateLoginProfile", "iam:UpdateLoginProfile"),
        "mfa_devices": ("iam:ListMFADevices",),
        "deactivate_mfa": ("iam:DeactivateMFADevice",),
        "policies": _POLICIES,
        "put_policy": (*_PUT, "iam:PutGroupPolicy"),
        "remove_policy": (*_DELETE, "iam:DeleteGroupPolicy"),
        "attach_policy": ("iam:AttachUserPolicy", "iam:AttachRolePolicy", "iam:AttachGroupPolicy"),
        "detach_policy": ("iam:DetachUserPolicy", "iam:DetachRolePolicy", "iam:DetachGroupPolicy"),
        "groups": ("iam:ListGroupsForUser",),
        "denied": (*_INLINE, *_PRINCIPAL),
        "set_denied": (*_PUT, *_DELETE),
        "sessions_cut": (*_INLINE, *_PRINCIPAL),
        "cut_sessions": (*_INLINE, *_PRINCIPAL, *_PUT),
        "allow_sessions": _DELETE,
        "trust": ("iam:GetRole",),
        "set_trust": ("iam:UpdateAssumeRolePolicy",),
        "remove_principal": (
            *(*_PRINCIPAL, *_KEYS, *_POLICIES, *_DELETE, "iam:DeleteAccessKey", "iam:DeleteLoginProfile"),
            *("iam:ListMFADevices", "iam:DeactivateMFADevice", "iam:ListGroupsForUser", "iam:RemoveUserFromGroup"),
            *("iam:ListInstanceProfilesForRole", "iam:RemoveRoleFromInstanceProfile"),
            *("iam:DetachUserPolicy", "iam:DetachRolePolicy", "iam:DeleteUser", "iam:DeleteRole"),
        ),
    },
    "cloud": {
        "instances": ("ec2:DescribeInstances",),
        "instance": ("ec2:DescribeInstances",),
        "set_groups": ("ec2:DescribeNetworkInterfaces", "ec2:ModifyNetworkInterfaceAttribute"),
        "tracked": ("ec2:DescribeInstances", "ec2:DescribeSecurityGroups"),
        "security_group": ("ec2:DescribeSecurityGroups",),
        "isolation_group": ("ec2:DescribeSecurityGroups",),
        "create_isolation_group": (
            *("ec2:DescribeSecurityGroups", "ec2:CreateSecurityGroup", "ec2:CreateTags"),
            *("ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"),
        ),
        "snapshots": _SNAPSHOTS,
        "snapshot": _SNAPSHOTS,
        "snapshot_of": _SNAPSHOTS,
        "create_snapshot": (*_SNAPSHOTS, "ec2:DescribeVolumes", "ec2:CreateSnapshot", "ec2:CreateTags"),
        "delete_snapshot": (*_SNAPSHOTS, "ec2:DeleteSnapshot"),
        "lock_snapshot": (*_SNAPSHOTS, "ec2:LockSnapshot"),
        "snapshot_shares": (*_SNAPSHOTS, "ec2:DescribeSnapshotAttribute"),
        "set_snapshot_share": (*_SNAPSHOTS, "ec2:ModifySnapshotAttribute"),
        "public_access": ("s3:GetBucketPublicAccessBlock", "s3:GetAccountPublicAccessBlock"),
        "set_public_access": ("s3:PutBucketPublicAccessBlock", "s3:PutAccountPublicAccessBlock"),
        "bucket_policy": ("s3:GetBucketPolicy",),
        "set_bucket_policy": ("s3:PutBucketPolicy", "s3:DeleteBucketPolicy"),
        "backup_vaults": ("backup:ListBackupVaults",),
        "vault_policy": ("backup:GetBackupVaultAccessPolicy", "backup:ListBackupVaults"),
        "set_vault_policy": ("backup:PutBackupVaultAccessPolicy", "backup:DeleteBackupVaultAccessPolicy"),
        "encryption_keys": ("kms:ListKeys", "kms:DescribeKey"),
        "encryption_key": ("kms:DescribeKey",),
        "keep_encryption_key": ("kms:DescribeKey", "kms:CancelKeyDeletion"),
        "set_encryption_key_enabled": ("kms:DescribeKey", "kms:EnableKey", "kms:DisableKey"),
    },
    "storage": {
        "buckets": ("s3:ListAllMyBuckets", "s3:GetBucketLocation"),
        "protection": ("s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration"),
        "objects": ("s3:ListBucket", "s3:ListBucketVersions"),
        "read": ("s3:GetObject", "s3:GetObjectVersion"),
        "opens": ("s3:GetObject", "s3:GetObjectVersion"),
        "write": ("s3:PutObject",),
        "restore_version": ("s3:GetObjectVersion", "s3:PutObject"),
        "retention": ("s3:GetObjectRetention",),
        "set_retention": ("s3:PutObjectRetention",),
        "remove_version": ("s3:DeleteObjectVersion",),
    },
    "dns": {
        "zones": ("route53:ListHostedZones",),
        "records": ("route53:ListResourceRecordSets",),
        "record": ("route53:ListResourceRecordSets",),
        "set_record": ("route53:ChangeResourceRecordSets",),
        "put_back": ("route53:ChangeResourceRecordSets",),
        "remove_record": ("route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"),
        "in_sync": ("route53:GetChange",),
    },
    "backup": {
        "sources": ("backup:ListProtectedResources", "rds:DescribeDBInstances"),
        "points": _BACKUP_READS,
        "point": _BACKUP_READS,
        "back_up": (
            *_BACKUP_READS,
            *_BACKUP_MARKS,
            "backup:StartBackupJob",
            "backup:TagResource",
            "iam:PassRole",
            "rds:CreateDBSnapshot",
            "rds:AddTagsToResource",
        ),
        "restore": (
            *(*_BACKUP_READS, "backup:StartRestoreJob", "iam:PassRole", "rds:RestoreDBInstanceFromDBSnapshot"),
            *("rds:RestoreDBInstanceToPointInTime", "rds:AddTagsToResource"),
            *(*_BACKUP_MARKS, "backup:GetRecoveryPointRestoreMetadata", "backup:TagResource"),
        ),
        "promote": (*_BACKUP_READS, "rds:AddTagsToResource", "rds:PromoteReadReplica"),
        "job": _BACKUP_READS,
        "job_of": (*_BACKUP_READS, *_BACKUP_MARKS),
        "verify": (*_BACKUP_READS, "ec2:DescribeVolumes", "ec2:DescribeInstances"),
        "remains": (*_BACKUP_READS, "ec2:DescribeVolumes", "ec2:DescribeInstances"),
        "remove_restored": (*(*_BACKUP_READS, "rds:DeleteDBInstance", "ec2:DeleteVolume"),),
    },
    "cloud_machines": {
        "made": ("ec2:DescribeVolumes", "ec2:DescribeInstances"),
        "create_volume": (
            *("ec2:DescribeVolumes", "ec2:DescribeInstances", "ec2:DescribeSnapshots"),
            *("ec2:CreateVolume", "ec2:CreateTags"),
        ),
        "create_instance": (
            *("ec2:DescribeVolumes", "ec2:DescribeInstances", "ec2:DescribeImages"),
            *("ec2:RunInstances", "ec2:CreateTags", "iam:PassRole"),
        ),
        "remove_made": (*("ec2:DescribeVolumes", "ec2:DescribeInstances", "ec2:DeleteVolume"),),
    },
    "cloud_logs": {
        "events": ("cloudtrail:LookupEvents", "ec2:DescribeRegions"),
        "trails": _TRAILS,
        "set_recording": (*_TRAILS, "cloudtrail:StartLogging", "cloudtrail:StopLogging"),
        "archived": (*_TRAILS, "s3:ListBucket", "s3:GetObject"),
    },
    "findings": {
        "detectors": _DETECTORS,
        "findings": (*_DETECTORS, *_FINDINGS),
        "finding": ("guardduty:GetFindings", "securityhub:GetFindings"),
        "set_open": ("guardduty:ArchiveFindings", "guardduty:UnarchiveFindings", "securityhub:BatchUpdateFindings"),
    },
    "cloud_access": {
        "root": ("iam:GetAccountSummary", *_REPORT),
        "users": (_OVERVIEW, *_REPORT, "iam:ListAccessKeys", "iam:GetLoginProfile", "iam:ListMFADevices"),
        "roles": (_OVERVIEW, _ORGANIZATION),
        "identity_providers": (
            *("iam:ListSAMLProviders", "iam:ListOpenIDConnectProviders", "iam:GetOpenIDConnectProvider"),
        ),
        "trust_anchors": ("rolesanywhere:ListTrustAnchors",),
    },
    "cloud_watch": {
        "trails": (*_TRAILS, "cloudtrail:GetEventSelectors", "s3:GetLifecycleConfiguration"),
        "recorders": ("config:DescribeConfigurationRecorders", "config:DescribeConfigurationRecorderStatus"),
        "network_logs": ("ec2:DescribeFlowLogs", "route53resolver:ListResolverQueryLogConfigs"),
    },
    "cloud_exposure": {
        "firewalls": ("ec2:DescribeRegions", "ec2:DescribeSecurityGroups"),
        "machines": ("ec2:DescribeRegions", "ec2:DescribeInstances", "ec2:DescribeInstanceAttribute"),
        "disks": ("ec2:DescribeRegions", "kms:DescribeKey", *_DISKS),
        "buckets": (*_BUCKETS, _ORGANIZATION),
        "functions": ("lambda:ListFunctions", "lambda:GetPolicy", _ORGANIZATION),
        "serial_consoles": ("ec2:DescribeRegions", "ec2:GetSerialConsoleAccessStatus"),
    },
    "cloud_hardening": {
        "password_rules": ("iam:GetAccountPasswordPolicy",),
        "defaults": ("ec2:GetEbsEncryptionByDefault",),
        "databases": ("rds:DescribeDBInstances",),
        "rotated_keys": ("kms:ListKeys", "kms:DescribeKey", "kms:GetKeyRotationStatus"),
        "networks": ("ec2:DescribeVpcs", "ec2:DescribeFlowLogs", "ec2:DescribeSecurityGroups"),
    },
    "security_alerts": {"alerts": (*_DETECTORS, *_FINDINGS)},
}
"""Capability → method → actions."""

OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "s3:ListBuckets": ("s3:ListAllMyBuckets",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "s3:ListObjectVersions": ("s3:ListBucketVersions",),
    "s3:GetPublicAccessBlock": ("s3:GetBucketPublicAccessBlock",),
    "s3:PutPublicAccessBlock": ("s3:PutBucketPublicAccessBlock",),
    "s3control:GetPublicAccessBlock": ("s3:GetAccountPublicAccessBlock",),
    "s3control:PutPublicAccessBlock": ("s3:PutAccountPublicAccessBlock",),
    "s3:GetObjectLockConfiguration": ("s3:GetBucketObjectLockConfiguration",),
    "s3:GetBucketLifecycleConfiguration": ("s3:GetLifecycleConfiguration",),
    "s3:GetBucketLifecycle": ("s3:GetLifecycleConfiguration",),
    "s3:CopyObject": ("s3:GetObjectVersion", "s3:PutObject"),
    "s3:DeleteObject": ("s3:DeleteObjectVersion",),
}
"""Operations whose action has another name."""

EXCESSIVE: Final = (
    *("iam:CreateUser", "iam:CreateRole", "iam:CreatePolicyVersion", "organizations:LeaveOrganization"),
    *("cloudtrail:DeleteTrail", "guardduty:DeleteDetector", "kms:ScheduleKeyDeletion", "s3:DeleteBucket"),
    *("s3:BypassGovernanceRetention", "ec2:TerminateInstances", "rds:DeleteDBSnapshot", "backup:DeleteRecoveryPoint"),
    *("lambda:InvokeFunction", "secretsmanager:GetSecretValue", "ssm:SendCommand", "kms:Decrypt"),
)
"""What no method needs and an attacker who took over our role would like. One that is allowed is reported."""


def action_of(service: str, operation: str) -> tuple[str, ...]:
    """The actions that one API operation asks for; ``operation`` as AWS writes it: ``GetUser``."""
    return OPERATIONS.get(f"{service}:{operation}", (f"{service}:{operation}",))


def every_action() -> frozenset[str]:
    """Of every method."""
    return frozenset(action for methods in ACTIONS.values() for actions in methods.values() for action in actions)


def least_policy(actions: Iterable[str], role: str | None = None) -> dict[str, Any]:
    """The policy document for a client's role that allows these actions and nothing else. Resources are not narrowed: an incident is about
    things that nobody knew before. The platform's own role cannot be passed on or changed through it.

    Args:
        role: resource name of that role: it may ask what it is itself allowed, so that the check-up can tell.
    """
    named = sorted(set(actions))
    statements: list[dict[str, Any]] = []
    passing = "iam:PassRole" in named
    plain = [action for action in named if action != "iam:PassRole"]
    if plain:
        statements.append({"Sid": "Tenantry", "Effect": "Allow", "Action": plain, "Resource": "*"})
    if passing:
        statements.append(
            {
                "Sid": "TenantryBackupRole",
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": "arn:aws:iam::*:role/service-role/AWSBackupDefaultServiceRole",
                "Condition": {"StringEquals": {"iam:PassedToService": "backup.amazonaws.com"}},
            }
        )
    if role is not None:
        statements.append(
            {
                "Sid": "TenantryCheckUp",
                "Effect": "Allow",
                "Action": "iam:SimulatePrincipalPolicy",
                "Resource": role,
            }
        )
    return {"Version": "2012-10-17", "Statement": statements}
