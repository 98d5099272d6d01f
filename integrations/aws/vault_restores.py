"""Restores of AWS Backup: with what they are begun, how they are found again, and what came of them.

Sources (docs.aws.amazon.com/aws-backup/latest/devguide):
    API_GetRecoveryPointRestoreMetadata.html      what the thing was like when it was backed up; names that exist already have to be replaced
    API_StartRestoreJob.html                      the same IdempotencyToken is the same job, and the answer is its id
    API_DescribeRestoreJob.html                   Status, CreatedResourceArn, ValidationStatus; nothing of the token
    API_TagResource.html, API_ListTags.html       of a backup vault
    restoring-rds.html, restoring-dynamodb.html, restoring-efs.html      the names of what is made

AWS Backup can be asked for a job by its id alone, and keeps the token to itself. So the id is written on the recovery point's vault, as a tag
whose name is made of the token. Who was killed between the two begins again with the same token, is given the same job, and writes
the tag then. A vault holds fifty tags: that many jobs of ours, or fewer, can be found again; beyond that AWS refuses the tag and the effect stays in
doubt. The tags stay: they say what we did there.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from integrations.aws.caller import Caller, answered
from tenantry.capabilities.backup import BackupJob, Verification
from tenantry.errors import OutOfScope, Rejected, TargetNotFound

__all__ = ["VaultRestores", "locked_for_good"]

_MARK: Final = "tenantry:job:"
_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "RDS": {"DBInstanceIdentifier": "{name}"},
    "Aurora": {"DBClusterIdentifier": "{name}"},
    "DynamoDB": {"targetTableName": "{name}"},
    "EFS": {"newFileSystem": "true", "CreationToken": "{name}"},
}
"""Of a kind of resource: what says that something new is made beside the old, and how it is called."""
_REMOVALS: Final[Mapping[tuple[str, str], tuple[str, Mapping[str, Any]]]] = {
    ("ec2", "volume"): ("delete_volume", {"VolumeId": "name"}),
    ("rds", "db"): ("delete_db_instance", {"DBInstanceIdentifier": "name", "SkipFinalSnapshot": True}),
}
"""Service and kind of what was made → how it is deleted; ``name`` stands for its own name. Instances are terminated by hand: the right to do so is one
that an attacker would like best, and our role does not have it."""
_NOT_GIVEN_BACK: Final = "aws:backup:request-id"
"""AWS hands it out with the rest and does not take it."""
_LIMITS: Final = "AWS does not compare what is in it with what was backed up"


class VaultRestores:
    """The part of :class:`integrations.aws.backups.AwsBackup` that restores from vaults."""

    def __init__(self, caller: Caller, account: str) -> None:
        self._caller = caller
        self._account = account

    async def begin(
        self, region: str, vault: str, point: str, name: str, options: Mapping[str, str], role: str, token: str
    ) -> str:
        """Begin a restore, once for one token. Returns the vendor's id of the job."""
        told = await self._caller.read(
            "backup", "get_recovery_point_restore_metadata", region, BackupVaultName=vault, RecoveryPointArn=point
        )
        was = answered(told, "RestoreMetadata", "backup.GetRecoveryPointRestoreMetadata")
        named = {key: value.format(name=name) for key, value in _NAMES.get(str(told.get("ResourceType")), {}).items()}
        answer = await self._caller.write(
            "backup",
            "start_restore_job",
            region,
            RecoveryPointArn=point,
            Metadata={**{key: value for key, value in was.items() if key != _NOT_GIVEN_BACK}, **named, **options},
            IamRoleArn=role,
            IdempotencyToken=token,
        )
        id = str(answered(answer, "RestoreJobId", "backup.StartRestoreJob", write=True))
        await self.mark(region, vault, "restore", token, id)
        return id

    # --- found again ----------------------------------------------------------------------------------------------------

    async def mark(self, region: str, vault: str, kind: str, token: str, id: str) -> None:
        """Write on the vault which job belongs to the token."""
        arn = f"arn:aws:backup:{region}:{self._account}:backup-vault:{vault}"
        await self._caller.write("backup", "tag_resource", region, ResourceArn=arn, Tags={_key(token): f"{kind}:{id}"})

    async def marked(self, region: str, token: str) -> str | None:
        """The job of a token, as ``restore:<id>`` or ``backup:<id>``; None: no vault of the region knows one."""
        async for page in self._caller.pages("backup", "list_backup_vaults", "BackupVaultList", region):
            for vault in page["BackupVaultList"]:
                arn = str(vault["BackupVaultArn"])
                async for tags in self._caller.pages("backup", "list_tags", "Tags", region, ResourceArn=arn):
                    found = tags["Tags"].get(_key(token))
                    if found is not None:
                        return str(found)
        return None

    # --- what came of it ------------------------------------------------------------------------------------------------

    async def looked_at(self, region: str, job: BackupJob) -> Verification:
        """Whether what a completed restore made is there, as its own service tells."""
        made = job.result
        if made is None:
            return Verification(state="unknown", checked=0, limits="AWS Backup names nothing that it made")
        try:
            state = await self._state(region, made)
        except TargetNotFound:
            return Verification(state="failed", checked=1, differences=(f"{made} is not there (any more)",))
        if state is None:
            limits = f"Its service is not asked by this provider; {_LIMITS}."
            return Verification(state="unknown", checked=0, limits=limits)
        return Verification(state="unknown", checked=1, limits=f"It is there and {state}; {_LIMITS}.")

    async def _state(self, region: str, arn: str) -> str | None:
        """In the service's own word; None: a service that is not asked. Raises TargetNotFound."""
        _, _, service, _, _, rest = (*arn.split(":", 5), *[""] * 6)[:6]
        kind, _, name = rest.replace(":", "/", 1).partition("/")
        if service == "rds" and kind == "db":
            answer = await self._caller.read("rds", "describe_db_instances", region, DBInstanceIdentifier=name)
            return _first(answered(answer, "DBInstances", "rds.DescribeDBInstances"), arn, "DBInstanceStatus")
        if service == "ec2" and kind == "volume":
            answer = await self._caller.read("ec2", "describe_volumes", region, VolumeIds=[name])
            return _first(answered(answer, "Volumes", "ec2.DescribeVolumes"), arn, "State")
        if service == "ec2" and kind == "instance":
            answer = await self._caller.read("ec2", "describe_instances", region, InstanceIds=[name])
            held = [
                one for row in answered(answer, "Reservations", "ec2.DescribeInstances") for one in row["Instances"]
            ]
            return _first([{"State": one["State"]["Name"]} for one in held], arn, "State")
        return None

    async def remains(self, region: str, job: BackupJob) -> bool:
        """Whether what the restore made is still there. Raises Rejected: its service is not asked by this provider."""
        made = job.result
        if made is None:
            return not job.done
        try:
            state = await self._state(region, made)
        except TargetNotFound:
            return False
        if state is None:
            raise Rejected(f"whether {made} is still there cannot be seen by this provider", vendor="aws")
        return state != "terminated"  # as an instance is shown for an hour after it is gone

    async def remove(self, region: str, job: BackupJob) -> None:
        """Delete what the restore made. Absent counts as removed. Raises Rejected: it is removed by hand."""
        made = job.result
        if made is None:
            return
        parts = made.split(":", 5)
        if len(parts) != 6 or parts[3] not in ("", region) or parts[4] not in ("", self._account):
            raise OutOfScope(f"{made} is not of this account and region", vendor="aws")
        kind, _, name = parts[5].replace(":", "/", 1).partition("/")
        removal = _REMOVALS.get((parts[2], kind))
        if removal is None:
            raise Rejected(f"{made} is removed by hand: this provider deletes volumes and databases", vendor="aws")
        operation, given = removal
        filled = {key: name if value == "name" else value for key, value in given.items()}
        with contextlib.suppress(TargetNotFound):
            await self._caller.write(parts[2], operation, region, **filled)

    # --- vaults ---------------------------------------------------------------------------------------------------------

    async def immutable(self, region: str, vault: str) -> bool:
        """Whether the vault is locked so that nobody, its owner included, can take the lock away."""
        row = await self._caller.read("backup", "describe_backup_vault", region, BackupVaultName=vault)
        answered(row, "BackupVaultArn", "backup.DescribeBackupVault")
        return locked_for_good(row)


def locked_for_good(row: Mapping[str, Any]) -> bool:
    """Of a vault as AWS describes it: locked, and the date has passed until which its owner may change or delete the lock.
    A lock without a date can be taken away by whoever may (governance mode), and so by an attacker with those rights; a logically air-gapped vault is
    always locked. https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html"""
    if row.get("VaultType") == "LOGICALLY_AIR_GAPPED_BACKUP_VAULT":
        return True
    at = row.get("LockDate")
    return bool(row.get("Locked")) and at is not None and at <= datetime.now(UTC)


def _first(rows: list[Mapping[str, Any]], arn: str, name: str) -> str:
    for row in rows:
        return str(row.get(name))
    raise TargetNotFound(f"there is no {arn}", vendor="aws")


def _key(token: str) -> str:
    return f"{_MARK}{hashlib.sha256(token.encode()).hexdigest()[:24]}"
