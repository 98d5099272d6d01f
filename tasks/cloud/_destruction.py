"""Which calls destroy, expose or lock away what a client could recover from, and what each of them is about.

Names of operations and of their parameters: docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from tenantry.capabilities import CloudEvent

ObjectKind = Literal["encrypted", "overwritten", "deleted"]

DESTROYS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "DeleteSnapshot": ("snapshot deleted", ("snapshotId",)),
    "DeleteVolume": ("volume deleted", ("volumeId",)),
    "TerminateInstances": ("machines ended for good", ()),
    "DeregisterImage": ("image deleted", ("imageId",)),
    "DeleteDBSnapshot": ("database snapshot deleted", ("dBSnapshotIdentifier",)),
    "DeleteDBClusterSnapshot": ("database snapshot deleted", ("dBClusterSnapshotIdentifier",)),
    "DeleteDBInstance": ("database deleted", ("dBInstanceIdentifier",)),
    "DeleteDBCluster": ("database deleted", ("dBClusterIdentifier",)),
    "DeleteRecoveryPoint": ("recovery point deleted", ("recoveryPointArn",)),
    "DeleteBackupVault": ("backup vault deleted", ("backupVaultName",)),
    "DeleteBackupPlan": ("backup plan deleted", ("backupPlanId",)),
    "DeleteTable": ("table deleted", ("tableName",)),
    "DeleteFileSystem": ("file system deleted", ("fileSystemId",)),
    "DeleteBucket": ("bucket deleted", ("bucketName",)),
    "PutBucketVersioning": ("keeping of old versions changed", ("bucketName",)),
    "PutBucketLifecycle": ("expiry of objects changed", ("bucketName",)),
    "PutBucketLifecycleConfiguration": ("expiry of objects changed", ("bucketName",)),
    "DeleteBucketReplication": ("replication taken away", ("bucketName",)),
    "ScheduleKeyDeletion": ("encryption key to be deleted", ("keyId",)),
    "DisableKey": ("encryption key disabled", ("keyId",)),
    "StopLogging": ("trail stopped", ("name",)),
    "DeleteTrail": ("trail deleted", ("name",)),
}
"""Operation → what it does, and where the request says to what. ATT&CK T1485, T1486, T1490, T1562.008."""

EXPOSES: Final = ("ModifySnapshotAttribute", "PutBucketPolicy", "DeleteBucketPublicAccessBlock", "PutBucketAcl")
"""Operations by which data leaves (ATT&CK T1537, T1530)."""

_SSE_C: Final = "x-amz-server-side-encryption-customer-algorithm"


def subjects(event: CloudEvent) -> list[str]:
    """What a destroying call is about, by the vendor's ids; the operation alone where the request does not say."""
    if event.operation == "TerminateInstances":
        items = _map(event.request.get("instancesSet")).get("items")
        found = [str(_map(row).get("instanceId") or "") for row in items] if isinstance(items, list) else []
        return [name for name in found if name] or [event.operation]
    for name in DESTROYS[event.operation][1]:
        if event.request.get(name):
            return [str(event.request[name])]
    return [event.operation]


def shared_with(event: CloudEvent) -> tuple[str, list[str]]:
    """The snapshot that was shared, and with whom it was meant to be: accounts, or ``all``."""
    if event.operation != "ModifySnapshotAttribute":
        return "", []
    added = _map(_map(event.request.get("createVolumePermission")).get("add")).get("items")
    rows = [_map(row) for row in added] if isinstance(added, list) else []
    whom = [str(row.get("userId") or row.get("group") or "") for row in rows]
    return str(event.request.get("snapshotId") or ""), [name for name in whom if name]


def object_act(event: CloudEvent) -> tuple[str, str, str, ObjectKind] | None:
    """Of a data event: bucket, key, version that it made, and what was done; None: nothing was changed, or the event does not say which."""
    request = event.request
    bucket, key = str(request.get("bucketName") or ""), str(request.get("key") or "")
    if event.error or not bucket or not key:
        return None
    version = str(event.response.get("x-amz-version-id") or request.get("versionId") or "")
    if event.operation in ("DeleteObject", "DeleteObjects"):
        return bucket, key, version, "deleted"
    if event.operation in ("PutObject", "CopyObject", "CompleteMultipartUpload"):
        return bucket, key, version, "encrypted" if request.get(_SSE_C) else "overwritten"
    return None


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
