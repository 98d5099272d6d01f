"""``cloud``, second half: what guards data. Block Public Access, bucket policies, keys.

Sources (docs.aws.amazon.com):
    /AmazonS3/latest/userguide/access-control-block-public-access.html     the account's switches hold over a bucket's
    /AmazonS3/latest/API/API_PutBucketPolicy.html                          replaces the whole policy
    /kms/latest/developerguide/deleting-keys.html                          calling a deletion off leaves the key disabled
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from integrations.aws.caller import Caller, answered
from integrations.aws.rows import plain
from integrations.aws.vault_restores import locked_for_good
from tenantry.capabilities.cloud import BackupVault, EncryptionKey, PublicAccess
from tenantry.errors import OutOfScope, TargetNotFound

__all__ = ["Guards"]

_STATES: Mapping[str, Any] = {"Enabled": "enabled", "Disabled": "disabled", "PendingDeletion": "pending_deletion"}


class Guards:
    """The second half of :class:`integrations.aws.ec2.AwsCloud`."""

    def __init__(self, caller: Caller, account: str) -> None:
        self._caller = caller
        self._account = account
        self._key_places: dict[str, str] = {}

    # --- buckets ------------------------------------------------------------------------------------------------------

    async def public_access(self, bucket: str | None) -> PublicAccess:
        """Nothing configured: nothing blocked."""
        try:
            if bucket is None:
                answer = await self._caller.read("s3control", "get_public_access_block", AccountId=self._account)
            else:
                answer = await self._caller.read(
                    "s3", "get_public_access_block", Bucket=bucket, ExpectedBucketOwner=self._account
                )
        except TargetNotFound as missing:
            if missing.detail.get("vendor_code") == "NoSuchBucket":
                raise
            return PublicAccess(block_acls=False, ignore_acls=False, block_policy=False, restrict_buckets=False)
        row = answered(answer, "PublicAccessBlockConfiguration", "s3.GetPublicAccessBlock")
        return PublicAccess(
            block_acls=bool(row.get("BlockPublicAcls")),
            ignore_acls=bool(row.get("IgnorePublicAcls")),
            block_policy=bool(row.get("BlockPublicPolicy")),
            restrict_buckets=bool(row.get("RestrictPublicBuckets")),
        )

    async def set_public_access(self, bucket: str | None, access: PublicAccess) -> None:
        """All four switches at once."""
        switches = {
            "BlockPublicAcls": access.block_acls,
            "IgnorePublicAcls": access.ignore_acls,
            "BlockPublicPolicy": access.block_policy,
            "RestrictPublicBuckets": access.restrict_buckets,
        }
        if bucket is None:
            await self._caller.write(
                "s3control",
                "put_public_access_block",
                AccountId=self._account,
                PublicAccessBlockConfiguration=switches,
            )
        else:
            await self._caller.write(
                "s3",
                "put_public_access_block",
                Bucket=bucket,
                ExpectedBucketOwner=self._account,
                PublicAccessBlockConfiguration=switches,
            )

    async def bucket_policy(self, bucket: str) -> dict[str, Any] | None:
        """A bucket without one answers NoSuchBucketPolicy."""
        try:
            answer = await self._caller.read(
                "s3", "get_bucket_policy", Bucket=bucket, ExpectedBucketOwner=self._account
            )
        except TargetNotFound as missing:
            if missing.detail.get("vendor_code") == "NoSuchBucket":
                raise
            return None
        return dict(json.loads(answered(answer, "Policy", "s3.GetBucketPolicy")))

    async def set_bucket_policy(self, bucket: str, document: Mapping[str, Any] | None) -> None:
        """The owner is named, so that a bucket of that name in another account is refused."""
        if document is None:
            await self._caller.write("s3", "delete_bucket_policy", Bucket=bucket, ExpectedBucketOwner=self._account)
        else:
            await self._caller.write(
                "s3",
                "put_bucket_policy",
                Bucket=bucket,
                ExpectedBucketOwner=self._account,
                Policy=json.dumps(document),
            )

    # --- backup vaults ------------------------------------------------------------------------------------------------

    async def backup_vaults(self) -> AsyncIterator[BackupVault]:
        """Region by region."""
        for region in self._caller.regions:
            async for page in self._caller.pages("backup", "list_backup_vaults", "BackupVaultList", region):
                for row in page["BackupVaultList"]:
                    yield BackupVault(
                        id=str(row["BackupVaultArn"]),
                        region=region,
                        name=str(row["BackupVaultName"]),
                        points=int(row.get("NumberOfRecoveryPoints") or 0),
                        locked=locked_for_good(row),
                        lock_removable=bool(row.get("Locked")) and not locked_for_good(row),
                        raw=plain(row),
                    )

    async def vault_policy(self, vault: str) -> dict[str, Any] | None:
        """A vault without one answers as one that is not there does, so which it is is asked of the list."""
        region, name = self._vault(vault)
        try:
            answer = await self._caller.read("backup", "get_backup_vault_access_policy", region, BackupVaultName=name)
        except TargetNotFound:
            if vault not in {found.id async for found in self.backup_vaults()}:
                raise
            return None
        return dict(json.loads(answered(answer, "Policy", "backup.GetBackupVaultAccessPolicy")))

    async def set_vault_policy(self, vault: str, document: Mapping[str, Any] | None) -> None:
        """By name, in the region of its resource name."""
        region, name = self._vault(vault)
        if document is None:
            await self._caller.write("backup", "delete_backup_vault_access_policy", region, BackupVaultName=name)
        else:
            await self._caller.write(
                "backup", "put_backup_vault_access_policy", region, BackupVaultName=name, Policy=json.dumps(document)
            )

    def _vault(self, vault: str) -> tuple[str, str]:
        """Region and name. Raises TargetNotFound for what is none of this account's."""
        parts = vault.split(":")
        if len(parts) != 7 or parts[2] != "backup" or parts[4] != self._account or parts[3] not in self._caller.regions:
            raise TargetNotFound(f"{vault} is no backup vault of this account and its regions")
        return parts[3], parts[6]

    # --- keys ---------------------------------------------------------------------------------------------------------

    async def encryption_keys(self) -> AsyncIterator[EncryptionKey]:
        """Region by region."""
        for region in self._caller.regions:
            async for page in self._caller.pages("kms", "list_keys", "Keys", region):
                for row in page["Keys"]:
                    yield await self._key_in(region, str(row["KeyId"]))

    async def encryption_key(self, key: str) -> EncryptionKey:
        """By id or resource name of this account."""
        if key.startswith("arn:") and f":{self._account}:" not in key:
            raise OutOfScope(f"{key} is a key of another account", vendor="aws")
        place = self._key_places.get(key)
        for region in self._caller.regions if place is None else (place,):
            try:
                return await self._key_in(region, key)
            except TargetNotFound:
                continue
        raise TargetNotFound(f"there is no key {key}")

    async def _key_in(self, region: str, key: str) -> EncryptionKey:
        row = answered(
            await self._caller.read("kms", "describe_key", region, KeyId=key), "KeyMetadata", "kms.DescribeKey"
        )
        self._key_places[key] = region
        return EncryptionKey(
            id=str(row["KeyId"]),
            region=region,
            state=_STATES.get(str(row.get("KeyState")), "other"),
            deletion_at=row.get("DeletionDate"),
            managed_by_customer=row.get("KeyManager") == "CUSTOMER",
            imported=row.get("Origin") == "EXTERNAL",
            expires_at=row.get("ValidTo"),
            raw=plain(row),
        )

    async def keep_encryption_key(self, key: str) -> None:
        """CancelKeyDeletion; not for one that is not to be deleted."""
        found = await self.encryption_key(key)
        if found.state == "pending_deletion":
            await self._caller.write("kms", "cancel_key_deletion", found.region, KeyId=key)

    async def set_encryption_key_enabled(self, key: str, enabled: bool) -> None:
        """Twice is as once."""
        found = await self.encryption_key(key)
        await self._caller.write("kms", "enable_key" if enabled else "disable_key", found.region, KeyId=key)
