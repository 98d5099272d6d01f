"""What AWS Backup and RDS say of recovery points and jobs, in the words of :mod:`tenantry.capabilities.backup`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from integrations.aws.rows import plain
from tenantry.capabilities.backup import BackupJob, JobState, RecoveryPoint

__all__ = ["continuous", "instance_job", "rds_snapshot", "replica", "snapshot_job", "vault_job", "vault_point"]

_POINT_STATES: Final[Mapping[str, Any]] = {
    "COMPLETED": "available",
    "AVAILABLE": "available",
    "STOPPED": "available",
    "CREATING": "creating",
    "PARTIAL": "partial",
    "EXPIRED": "expired",
    "DELETING": "deleting",
}
_JOB_STATES: Final[Mapping[str, JobState]] = {
    "CREATED": "pending",
    "PENDING": "pending",
    "RUNNING": "running",
    "ABORTING": "running",
    "COMPLETED": "completed",
    "PARTIAL": "partial",
    "FAILED": "failed",
    "EXPIRED": "failed",
    "ABORTED": "aborted",
}
_RDS_FAILED: Final = frozenset(
    {"deleted", "deleting", "failed", "incompatible-restore", "incompatible-parameters", "restore-error"}
)


def vault_point(row: Mapping[str, Any], region: str, source: str, *, locked: bool = False) -> RecoveryPoint:
    """``locked``: its vault is, for good. A list says nothing of vaults' locks and of when a point expires; its description does."""
    arn, vault = str(row["RecoveryPointArn"]), str(row.get("BackupVaultName", "Default"))
    lifecycle = row.get("CalculatedLifecycle") or {}
    return RecoveryPoint(
        id=f"backup:{region}:point:{vault}|{arn}",
        source=source,
        kind="backup",
        created_at=row["CreationDate"],
        state=_POINT_STATES.get(str(row.get("Status")), "failed"),
        size=row.get("BackupSizeInBytes") or row.get("BackupSizeBytes"),
        encrypted=row.get("IsEncrypted", True if row.get("EncryptionKeyArn") else None),
        # What a vault's lock keeps cannot be deleted before its lifecycle ends.
        locked_until=lifecycle.get("DeleteAt")
        if locked or row.get("VaultType") == "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
        else None,
        raw=plain(row),
    )


def rds_snapshot(row: Mapping[str, Any], region: str, source: str) -> RecoveryPoint:
    state = str(row.get("Status", "creating"))
    return RecoveryPoint(
        id=f"rds:{region}:snapshot:{row['DBSnapshotIdentifier']}",
        source=source,
        kind="snapshot",
        created_at=row.get("SnapshotCreateTime") or row["InstanceCreateTime"],
        state="available" if state == "available" else "creating" if state == "creating" else "failed",
        size=(row.get("AllocatedStorage") or 0) * 1024**3 or None,
        encrypted=row.get("Encrypted"),
        locked_until=None,
        raw=plain(row),
    )


def continuous(row: Mapping[str, Any], region: str, source: str) -> RecoveryPoint:
    return RecoveryPoint(
        id=f"rds:{region}:continuous:{row['DBInstanceIdentifier']}",
        source=source,
        kind="continuous",
        created_at=row["InstanceCreateTime"],
        latest=row["LatestRestorableTime"],
        state="available",
        size=None,
        encrypted=row.get("StorageEncrypted"),
        locked_until=None,
        raw=plain(row),
    )


def replica(row: Mapping[str, Any], region: str, source: str) -> RecoveryPoint:
    return RecoveryPoint(
        id=f"rds:{region}:replica:{row['DBInstanceIdentifier']}",
        source=source,
        kind="replica",
        created_at=row["InstanceCreateTime"],
        state="available" if row.get("DBInstanceStatus") == "available" else "creating",
        size=None,
        encrypted=row.get("StorageEncrypted"),
        locked_until=None,
        raw=plain(row),
    )


def vault_job(
    row: Mapping[str, Any], id: str, action: Literal["backup", "restore"], source: str, result: Any
) -> BackupJob:
    return BackupJob(
        id=id,
        action=action,
        state=_JOB_STATES.get(str(row.get("State") or row.get("Status")), "failed"),
        source=source,
        result=str(result) if result else None,
        message=str(row.get("StatusMessage") or ""),
        started_at=row.get("CreationDate"),
        ended_at=row.get("CompletionDate"),
        raw=plain(row),
    )


def snapshot_job(row: Mapping[str, Any], region: str, source: str) -> BackupJob:
    name, state = str(row["DBSnapshotIdentifier"]), str(row.get("Status", "creating"))
    return BackupJob(
        id=f"rds:{region}:snapshot:{name}",
        action="backup",
        state="completed" if state == "available" else "running" if state == "creating" else "failed",
        source=source,
        result=f"rds:{region}:snapshot:{name}" if state == "available" else None,
        message="" if state in ("available", "creating") else state,
        started_at=row.get("SnapshotCreateTime"),
        ended_at=None,
        raw=plain(row),
    )


def instance_job(row: Mapping[str, Any], region: str, action: Literal["restore", "promote"], source: str) -> BackupJob:
    name, state = str(row["DBInstanceIdentifier"]), str(row.get("DBInstanceStatus", "creating"))
    following = action == "promote" and bool(row.get("ReadReplicaSourceDBInstanceIdentifier"))
    done: JobState = "completed" if state == "available" and not following else "running"
    return BackupJob(
        id=f"rds:{region}:{'promoted' if action == 'promote' else 'instance'}:{name}",
        action=action,
        state="failed" if state in _RDS_FAILED else done,
        source=source,
        result=str(row.get("DBInstanceArn") or name) if done == "completed" else None,
        message=state if state in _RDS_FAILED else "",
        started_at=row.get("InstanceCreateTime"),
        ended_at=None,
        raw=plain(row),
    )
