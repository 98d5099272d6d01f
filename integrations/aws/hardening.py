"""``cloud_hardening`` over IAM, EC2, RDS and KMS.

Sources (docs.aws.amazon.com):
    /IAM/latest/APIReference/API_GetAccountPasswordPolicy.html      no policy is an error, NoSuchEntity
    /AWSEC2/latest/APIReference/API_GetEbsEncryptionByDefault.html  one region a request
    /AmazonRDS/latest/APIReference/API_DBInstance.html
    /kms/latest/developerguide/rotate-keys.html                     which keys KMS replaces by itself
    /vpc/latest/userguide/default-security-group.html               one in each network, which cannot be deleted
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from integrations.aws.caller import Caller, answered
from integrations.aws.everywhere import each_region
from tenantry.abreast import abreast
from tenantry.capabilities.cloud_hardening import (
    CloudNetwork,
    ManagedDatabase,
    PasswordRules,
    RegionDefaults,
    RotatedKey,
)
from tenantry.errors import TargetNotFound

__all__ = ["AwsHardening"]


class AwsHardening:
    """Implements :class:`tenantry.capabilities.CloudHardening`."""

    def __init__(self, caller: Caller, account: str) -> None:
        self._caller = caller
        self._account = account

    async def password_rules(self) -> PasswordRules:
        """GetAccountPasswordPolicy."""
        try:
            answer = await self._caller.read("iam", "get_account_password_policy")
        except TargetNotFound:
            return PasswordRules(account=self._account, set_=False, shortest=None, remembered=None)
        rules = answered(answer, "PasswordPolicy", "iam.GetAccountPasswordPolicy")
        return PasswordRules(
            account=self._account,
            set_=True,
            shortest=rules.get("MinimumPasswordLength"),
            remembered=rules.get("PasswordReusePrevention") or None,
        )

    async def defaults(self) -> AsyncIterator[RegionDefaults]:
        """One request a region."""

        async def of(region: str) -> AsyncIterator[RegionDefaults]:
            answer = await self._caller.read("ec2", "get_ebs_encryption_by_default", region)
            on = answered(answer, "EbsEncryptionByDefault", "ec2.GetEbsEncryptionByDefault")
            yield RegionDefaults(region=region, disks_enciphered=bool(on))

        async for found in each_region(self._caller.regions, of):
            yield found

    async def databases(self) -> AsyncIterator[ManagedDatabase]:
        """DescribeDBInstances: those of clusters are among them."""

        async def of(region: str) -> AsyncIterator[ManagedDatabase]:
            async for page in self._caller.pages("rds", "describe_db_instances", "DBInstances", region):
                for row in page["DBInstances"]:
                    yield ManagedDatabase(
                        id=str(row["DBInstanceArn"]),
                        region=region,
                        name=str(row["DBInstanceIdentifier"]),
                        enciphered=row.get("StorageEncrypted"),
                        public=row.get("PubliclyAccessible"),
                        kept_days=row.get("BackupRetentionPeriod"),
                        updates_itself=row.get("AutoMinorVersionUpgrade"),
                        deletion_guarded=row.get("DeletionProtection"),
                    )

        async for found in each_region(self._caller.regions, of):
            yield found

    async def rotated_keys(self) -> AsyncIterator[RotatedKey]:
        """What a key is, and for those that KMS can replace, whether it does: there is no list that says either."""

        async def of(region: str) -> AsyncIterator[RotatedKey]:
            async def rows() -> AsyncIterator[Mapping[str, Any]]:
                async for page in self._caller.pages("kms", "list_keys", "Keys", region):
                    for row in page["Keys"]:
                        yield row

            async def ask(row: Mapping[str, Any]) -> RotatedKey | None:
                id = str(row["KeyId"])
                try:
                    answer = await self._caller.read("kms", "describe_key", region, KeyId=id)
                    if not _replaceable(answered(answer, "KeyMetadata", "kms.DescribeKey")):
                        return None
                    answer = await self._caller.read("kms", "get_key_rotation_status", region, KeyId=id)
                except TargetNotFound:  # gone meanwhile
                    return None
                on = answered(answer, "KeyRotationEnabled", "kms.GetKeyRotationStatus")
                return RotatedKey(id=id, region=region, rotates=bool(on))

            async for found in abreast(rows(), ask):
                if found is not None:
                    yield found

        async for found in each_region(self._caller.regions, of):
            yield found

    async def networks(self) -> AsyncIterator[CloudNetwork]:
        """Three lists a region, put together."""

        async def of(region: str) -> AsyncIterator[CloudNetwork]:
            logged = {
                str(row.get("ResourceId"))
                async for page in self._caller.pages("ec2", "describe_flow_logs", "FlowLogs", region)
                for row in page["FlowLogs"]
                if row.get("FlowLogStatus") == "ACTIVE"
            }
            named = [{"Name": "group-name", "Values": ["default"]}]
            rules: dict[str, int] = {}
            async for page in self._caller.pages(
                "ec2", "describe_security_groups", "SecurityGroups", region, Filters=named
            ):
                for row in page["SecurityGroups"]:
                    both = (*(row.get("IpPermissions") or ()), *(row.get("IpPermissionsEgress") or ()))
                    rules[str(row.get("VpcId"))] = len(both)
            async for page in self._caller.pages("ec2", "describe_vpcs", "Vpcs", region):
                for row in page["Vpcs"]:
                    id = str(row["VpcId"])
                    yield CloudNetwork(id=id, region=region, logged=id in logged, default_rules=rules.get(id))

        async for found in each_region(self._caller.regions, of):
            yield found


def _replaceable(key: Mapping[str, Any]) -> bool:
    return (
        key.get("KeyManager") == "CUSTOMER"
        and key.get("KeyState") == "Enabled"
        and key.get("KeySpec") == "SYMMETRIC_DEFAULT"
        and key.get("Origin") == "AWS_KMS"
    )
