"""``backup`` over AWS Backup and RDS.

Sources (docs.aws.amazon.com): /aws-backup/latest/devguide/API_StartBackupJob.html (the same IdempotencyToken gives the same job); /AmazonRDS/latest/APIReference/API_RestoreDBInstanceToPointInTime.html,
API_RestoreDBInstanceFromDBSnapshot.html, API_PromoteReadReplica.html; /AmazonRDS/latest/UserGuide/accessing-monitoring.html (status).

Ids carry what is needed to find a thing again: ``<service>:<region>:<kind>:<the vendor's own>``. RDS has no jobs: a restore is the instance that
it makes, and what is made carries the caller's token as a tag. Of a job of AWS Backup the vault carries it (:mod:`integrations.aws.vault_restores`).
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from integrations.aws.backup_rows import (
    continuous,
    instance_job,
    rds_snapshot,
    replica,
    snapshot_job,
    vault_job,
    vault_point,
)
from integrations.aws.caller import Caller, answered
from integrations.aws.rows import plain, tags_of
from integrations.aws.vault_restores import VaultRestores
from tenantry.capabilities.backup import (
    BackupJob,
    BackupSource,
    RecoveryPoint,
    RestoreTarget,
    SourceKind,
    Verification,
)
from tenantry.errors import OutOfScope, Rejected, TargetNotFound

__all__ = ["AwsBackup"]

_KINDS: Final[Mapping[str, SourceKind]] = {
    "EC2": "instance",
    "EBS": "volume",
    "RDS": "database",
    "Aurora": "database",
    "DynamoDB": "database",
    "S3": "bucket",
    "EFS": "file_system",
    "FSx": "file_system",
}
_TOKEN: Final = "tenantry:token"  # noqa: S105  # the name of a tag
_PROMOTION: Final = "tenantry:promotion"
_BUSY: Final = frozenset({"InvalidDBInstanceState", "InvalidDBInstanceStateFault"})
"""What RDS answers while a promotion is on its way."""


class AwsBackup:
    """Implements :class:`tenantry.capabilities.Backup`."""

    def __init__(self, caller: Caller, account: str) -> None:
        self._caller = caller
        self._account = account
        self._vaults = VaultRestores(caller, account)

    # --- what there is ------------------------------------------------------------------------------------------------

    async def sources(self) -> AsyncIterator[BackupSource]:
        """What AWS Backup protects, and databases of RDS with their own backups."""
        for region in self._caller.regions:
            seen = set()
            async for page in self._caller.pages("backup", "list_protected_resources", "Results", region):
                for row in page["Results"]:
                    arn = str(row["ResourceArn"])
                    seen.add(arn)
                    yield BackupSource(
                        id=arn,
                        kind=_KINDS.get(str(row.get("ResourceType")), "other"),
                        name=str(row.get("ResourceName") or arn.rsplit(":", 1)[-1]),
                        last_point_at=row.get("LastBackupTime"),
                        raw=plain(row),
                    )
            async for row in self._databases(region):
                if row["DBInstanceArn"] not in seen:
                    yield BackupSource(
                        id=str(row["DBInstanceArn"]),
                        kind="database",
                        name=str(row["DBInstanceIdentifier"]),
                        last_point_at=row.get("LatestRestorableTime"),
                        raw=plain(row),
                    )

    async def _databases(self, region: str) -> AsyncIterator[Mapping[str, Any]]:
        async for page in self._caller.pages("rds", "describe_db_instances", "DBInstances", region):
            for row in page["DBInstances"]:
                yield row

    async def points(
        self, source: str | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> AsyncIterator[RecoveryPoint]:
        """AWS Backup's, then RDS's snapshots, point in time, and replicas."""
        sources = [source] if source is not None else [found.id async for found in self.sources()]
        for each in sources:
            found = await self._points_of(each)
            for point in sorted(found, key=lambda made: made.latest or made.created_at, reverse=True):
                at = point.latest or point.created_at
                if (since is None or at >= since) and (until is None or point.created_at <= until):
                    yield point

    async def _points_of(self, source: str) -> list[RecoveryPoint]:
        region = self._region_of(source)
        found = [
            vault_point(row, region, source)
            async for page in self._caller.pages(
                "backup", "list_recovery_points_by_resource", "RecoveryPoints", region, ResourceArn=source
            )
            for row in page["RecoveryPoints"]
        ]
        if ":rds:" in source:
            found += await self._rds_points(source, region)
        return found

    async def _rds_points(self, source: str, region: str) -> list[RecoveryPoint]:
        name = source.rsplit(":", 1)[-1]
        found = [
            rds_snapshot(row, region, source)
            async for page in self._caller.pages(
                "rds", "describe_db_snapshots", "DBSnapshots", region, DBInstanceIdentifier=name
            )
            for row in page["DBSnapshots"]
        ]
        async for row in self._databases(region):
            if (
                row["DBInstanceIdentifier"] == name
                and row.get("LatestRestorableTime")
                and row.get("BackupRetentionPeriod")
            ):
                found.append(continuous(row, region, source))
            if row.get("ReadReplicaSourceDBInstanceIdentifier") in (name, source):
                found.append(replica(row, region, source))
        return found

    async def point(self, point: str) -> RecoveryPoint:
        """By our composed id."""
        service, region, kind, rest = self._parts(point)
        if service == "backup":
            vault, _, arn = rest.partition("|")
            row = await self._caller.read(
                "backup", "describe_recovery_point", region, BackupVaultName=vault, RecoveryPointArn=arn
            )
            source = str(answered(row, "ResourceArn", "backup.DescribeRecoveryPoint"))
            return vault_point(row, region, source, locked=await self._vaults.immutable(region, vault))
        if kind == "snapshot":
            answer = await self._caller.read("rds", "describe_db_snapshots", region, DBSnapshotIdentifier=rest)
            for row in answered(answer, "DBSnapshots", "rds.DescribeDBSnapshots"):
                return rds_snapshot(row, region, self._rds_arn(region, str(row["DBInstanceIdentifier"])))
        else:
            row = await self._database(region, rest)
            arn = str(row["DBInstanceArn"])
            if kind == "continuous":
                return continuous(row, region, arn)
            if row.get("ReadReplicaSourceDBInstanceIdentifier"):
                return replica(row, region, arn)
        raise TargetNotFound(f"there is no recovery point {point}")

    async def _database(self, region: str, name: str) -> dict[str, Any]:
        answer = await self._caller.read("rds", "describe_db_instances", region, DBInstanceIdentifier=name)
        for row in answered(answer, "DBInstances", "rds.DescribeDBInstances"):
            return dict(row)
        raise TargetNotFound(f"there is no database {name}")

    # --- begin --------------------------------------------------------------------------------------------------------

    async def back_up(self, source: str, *, token: str) -> BackupJob:
        """RDS: a snapshot whose name follows from the token. Others: a job of AWS Backup in its default vault."""
        region = self._region_of(source)
        if ":rds:" in source:
            name = f"tenantry-{_short(token)}"
            present = await self.job_of(token)
            if present is not None:
                return present
            answer = await self._caller.write(
                "rds",
                "create_db_snapshot",
                region,
                DBSnapshotIdentifier=name,
                DBInstanceIdentifier=source.rsplit(":", 1)[-1],
                Tags=[{"Key": _TOKEN, "Value": token}],
            )
            return snapshot_job(answered(answer, "DBSnapshot", "rds.CreateDBSnapshot", write=True), region, source)
        answer = await self._caller.write(
            "backup",
            "start_backup_job",
            region,
            BackupVaultName="Default",
            ResourceArn=source,
            IamRoleArn=self._service_role(),
            IdempotencyToken=token,
        )
        id = str(answered(answer, "BackupJobId", "backup.StartBackupJob", write=True))
        await self._vaults.mark(region, "Default", "backup", token, id)
        return await self.job(f"backup:{region}:backup:{id}")

    async def restore(self, point: str, target: RestoreTarget, *, token: str, at: datetime | None = None) -> BackupJob:
        """Beside the original, under the target's name."""
        found = await self.point(point)
        if found.state != "available":
            raise Rejected(f"{point} is {found.state}, not available")
        if at is not None and (found.latest is None or not found.created_at <= at <= found.latest):
            raise Rejected(f"{point} does not reach {at.isoformat()}")
        service, region, kind, rest = self._parts(point)
        if service == "backup":
            vault, _, arn = rest.partition("|")
            begun = await self._vaults.marked(region, token) or "restore:" + await self._vaults.begin(
                region, vault, arn, target.name, target.options, self._service_role(), token
            )
            return await self.job(f"backup:{region}:{begun}")
        if kind == "replica":
            raise Rejected(f"{point} is a replica: it is promoted, not restored")
        present = await self.job_of(token)
        if present is not None:
            return present
        named: dict[str, Any] = {"Tags": [{"Key": _TOKEN, "Value": token}], **target.options}
        if kind == "snapshot":
            answer = await self._caller.write(
                "rds",
                "restore_db_instance_from_db_snapshot",
                region,
                DBInstanceIdentifier=target.name,
                DBSnapshotIdentifier=rest,
                **named,
            )
        else:
            moment = {"UseLatestRestorableTime": True} if at is None else {"RestoreTime": at}
            answer = await self._caller.write(
                "rds",
                "restore_db_instance_to_point_in_time",
                region,
                SourceDBInstanceIdentifier=rest,
                TargetDBInstanceIdentifier=target.name,
                **moment,
                **named,
            )
        return instance_job(answered(answer, "DBInstance", "rds.Restore", write=True), region, "restore", point)

    async def promote(self, replica: str, *, token: str) -> BackupJob:
        """PromoteReadReplica: cannot be taken back. The replica is tagged with the token first, so that a promotion whose answer never came
        is known by it, also when there is no replica any more."""
        _, region, kind, name = self._parts(replica)
        if kind != "replica":
            raise Rejected(f"{replica} is no replica")
        row = await self._database(region, name)
        tagged = tags_of(row.get("TagList")).get(_PROMOTION) == token
        if not row.get("ReadReplicaSourceDBInstanceIdentifier"):
            if not tagged:
                raise Rejected(f"{replica} is no replica")
            return instance_job(row, region, "promote", replica)
        if not tagged:
            tags = [{"Key": _PROMOTION, "Value": token}]
            await self._caller.write(
                "rds", "add_tags_to_resource", region, ResourceName=str(row["DBInstanceArn"]), Tags=tags
            )
        try:
            answer = await self._caller.write("rds", "promote_read_replica", region, DBInstanceIdentifier=name)
        except Rejected as refusal:
            row = await self._database(region, name)
            if refusal.detail.get("vendor_code") not in _BUSY or row.get("DBInstanceStatus") == "available":
                raise
            return instance_job(row, region, "promote", replica)  # it was asked before, and is on its way
        return instance_job(
            answered(answer, "DBInstance", "rds.PromoteReadReplica", write=True), region, "promote", replica
        )

    # --- follow -------------------------------------------------------------------------------------------------------

    async def job(self, job: str) -> BackupJob:
        """By our composed id."""
        service, region, kind, rest = self._parts(job)
        if service == "backup":
            if kind == "backup":
                row = await self._caller.read("backup", "describe_backup_job", region, BackupJobId=rest)
                arn = row.get("RecoveryPointArn")
                point = f"backup:{region}:point:{row.get('BackupVaultName', 'Default')}|{arn}" if arn else None
                return vault_job(row, job, "backup", str(row.get("ResourceArn", "")), point)
            row = await self._caller.read("backup", "describe_restore_job", region, RestoreJobId=rest)
            return vault_job(row, job, "restore", str(row.get("RecoveryPointArn", "")), row.get("CreatedResourceArn"))
        if kind == "snapshot":
            answer = await self._caller.read("rds", "describe_db_snapshots", region, DBSnapshotIdentifier=rest)
            for row in answered(answer, "DBSnapshots", "rds.DescribeDBSnapshots"):
                return snapshot_job(row, region, self._rds_arn(region, str(row["DBInstanceIdentifier"])))
            raise TargetNotFound(f"there is no job {job}")
        row = await self._database(region, rest)
        return instance_job(row, region, "promote" if kind == "promoted" else "restore", "")

    async def job_of(self, token: str) -> BackupJob | None:
        """By tag: of what RDS made, and of AWS Backup's vaults."""
        for region in self._caller.regions:
            marked = await self._vaults.marked(region, token)
            if marked is not None:
                return await self.job(f"backup:{region}:{marked}")
            async for row in self._databases(region):
                tags = tags_of(row.get("TagList"))
                if tags.get(_TOKEN) == token:
                    return instance_job(row, region, "restore", "")
                if tags.get(_PROMOTION) == token:
                    replica = f"rds:{region}:replica:{row['DBInstanceIdentifier']}"
                    made = instance_job(row, region, "promote", replica)
                    if made.done or row.get("DBInstanceStatus") != "available":
                        return made
            async for page in self._caller.pages("rds", "describe_db_snapshots", "DBSnapshots", region):
                for row in page["DBSnapshots"]:
                    if tags_of(row.get("TagList")).get(_TOKEN) == token:
                        source = self._rds_arn(region, str(row["DBInstanceIdentifier"]))
                        return snapshot_job(row, region, source)
        return None

    async def verify(self, job: str) -> Verification:
        """What the vendor tells: its own restore testing, or that what was made is there. Rows and files are compared by whoever knows them."""
        found = await self.job(job)
        if not found.done:
            return Verification(state="unknown", checked=0, limits=f"the job is {found.state}")
        if found.state != "completed":
            return Verification(state="failed", checked=1, differences=(found.message or found.state,))
        validation = str(found.raw.get("ValidationStatus") or "")
        if validation == "SUCCESSFUL":
            return Verification(
                state="verified", checked=1, limits="AWS Backup's restore testing, as it was configured."
            )
        if validation in ("FAILED", "TIMED_OUT"):
            return Verification(state="failed", checked=1, differences=(validation,))
        service, region, _, _ = self._parts(job)
        if service == "backup":
            return await self._vaults.looked_at(region, found)
        return Verification(
            state="unknown", checked=0, limits="It came up; AWS does not compare what is in it with what was backed up."
        )

    async def remains(self, job: str) -> bool:
        """Of AWS Backup: asked of the service in which the thing was made."""
        service, region, kind, rest = self._parts(job)
        if service == "backup" and kind == "restore":
            return await self._vaults.remains(region, await self.job(job))
        if service != "rds" or kind != "instance":
            raise Rejected(f"{job} is no restore")
        try:
            row = await self._database(region, rest)
        except TargetNotFound:
            return False
        return bool(tags_of(row.get("TagList")).get(_TOKEN))

    async def remove_restored(self, job: str) -> None:
        """A database that carries a token of ours; a volume or database that a job of AWS Backup made, which is ours by the vault's mark.
        Anything else that AWS Backup made is removed by hand."""
        service, region, kind, rest = self._parts(job)
        if service == "backup" and kind == "restore":
            await self._vaults.remove(region, await self.job(job))
            return
        if service != "rds" or kind != "instance":
            raise Rejected(f"what {job} made is not removed by this provider")
        try:
            row = await self._database(region, rest)
        except TargetNotFound:
            return
        if not tags_of(row.get("TagList")).get(_TOKEN):
            raise Rejected(f"{rest} was not restored by this platform")
        if row.get("DBInstanceStatus") != "deleting":
            await self._caller.write(
                "rds", "delete_db_instance", region, DBInstanceIdentifier=rest, SkipFinalSnapshot=True
            )

    # --- names --------------------------------------------------------------------------------------------------------

    def _region_of(self, arn: str) -> str:
        parts = arn.split(":")
        region = parts[3] if len(parts) > 5 else ""
        self._own(arn)
        return self._within(region or self._caller.regions[0])

    def _own(self, arn: str) -> None:
        parts = arn.split(":")
        if len(parts) > 5 and parts[4] not in ("", self._account):
            raise OutOfScope(f"{arn} is of another account", vendor="aws")

    def _within(self, region: str) -> str:
        if region not in self._caller.regions:
            raise OutOfScope(f"{region} is not among the regions in the tenant's file", vendor="aws")
        return region

    def _parts(self, id: str) -> tuple[str, str, str, str]:
        """Service, region, kind and the vendor's own id, of this account and its regions."""
        parts: Sequence[str] = id.split(":", 3)
        if len(parts) != 4 or parts[0] not in ("backup", "rds"):
            raise TargetNotFound(f"{id!r} is no id of AWS Backup or RDS")
        self._own(parts[3].rpartition("|")[2])
        return parts[0], self._within(parts[1]), parts[2], parts[3]

    def _rds_arn(self, region: str, name: str) -> str:
        return f"arn:aws:rds:{region}:{self._account}:db:{name}"

    def _service_role(self) -> str:
        return f"arn:aws:iam::{self._account}:role/service-role/AWSBackupDefaultServiceRole"


def _short(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:24]
