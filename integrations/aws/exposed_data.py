"""``cloud_exposure``, second half: databases' snapshots, buckets, functions.

Sources (docs.aws.amazon.com):
    /AmazonRDS/latest/APIReference/API_DescribeDBSnapshotAttributes.html, API_DescribeDBClusterSnapshotAttributes.html
    /AmazonS3/latest/userguide/access-control-block-public-access.html     the account's switches hold over a bucket's
    /AmazonS3/latest/API/API_ListBuckets.html                              names each bucket's region when asked for pages
    /lambda/latest/api/API_GetPolicy.html                                  one request a function
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

from integrations.aws.caller import Caller, answered
from integrations.aws.everywhere import each_region
from integrations.aws.guards import Guards
from integrations.aws.lifecycle import expires_days
from integrations.aws.organization import Organization
from tenantry.abreast import abreast
from tenantry.capabilities.cloud import PublicAccess
from tenantry.capabilities.cloud_exposure import CloudFunction, OpenBucket, SharedDisk
from tenantry.errors import PermissionMissing, TargetNotFound

__all__ = ["ExposedData"]

_EVERYBODY: Final = ("/groups/global/AllUsers", "/groups/global/AuthenticatedUsers")
_VERSIONING: Final[Mapping[str, Literal["on", "suspended", "never"]]] = {"Enabled": "on", "Suspended": "suspended"}
_SNAPSHOTS: Final = (
    ("describe_db_snapshots", "DBSnapshot"),
    ("describe_db_cluster_snapshots", "DBClusterSnapshot"),
)


class ExposedData:
    """The second half of :class:`integrations.aws.exposure.AwsExposure`."""

    def __init__(self, caller: Caller, account: str, organization: Organization) -> None:
        self._caller = caller
        self._account = account
        self._organization = organization
        self._guards = Guards(caller, account)

    # --- databases ----------------------------------------------------------------------------------------------------

    async def _databases(self, region: str) -> AsyncIterator[SharedDisk]:
        """Manual ones: automatic ones cannot be shared (/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html)."""
        for operation, kind in _SNAPSHOTS:

            async def rows(operation: str = operation, kind: str = kind) -> AsyncIterator[Mapping[str, Any]]:
                async for page in self._caller.pages("rds", operation, f"{kind}s", region, SnapshotType="manual"):
                    for row in page[f"{kind}s"]:
                        yield row

            async def ask(row: Mapping[str, Any], operation: str = operation, kind: str = kind) -> SharedDisk | None:
                name = str(row[f"{kind}Identifier"])
                asked = operation.removesuffix("s") + "_attributes"
                try:
                    answer = await self._caller.read("rds", asked, region, **{f"{kind}Identifier": name})
                except TargetNotFound:  # deleted meanwhile
                    return None
                about = answered(answer, f"{kind}AttributesResult", f"rds.Describe{kind}Attributes")
                shared = {
                    str(value)
                    for one in about.get(f"{kind}Attributes") or ()
                    if one.get("AttributeName") == "restore"
                    for value in one.get("AttributeValues") or ()
                }
                return SharedDisk(
                    id=str(row.get(f"{kind}Arn") or name),
                    kind="database",
                    region=region,
                    account=self._account,
                    name=name,
                    created_at=row.get("SnapshotCreateTime"),
                    shared_with=tuple(sorted(shared - {self._account})),
                )

            async for found in abreast(rows(), ask):
                if found is not None:
                    yield found

    # --- buckets ------------------------------------------------------------------------------------------------------

    async def buckets(self) -> AsyncIterator[OpenBucket]:
        """The account's guard first: where it blocks, buckets' own lists and guards need not be asked."""
        account = await self._guards.public_access(None)
        organization = (await self._organization.membership()).id

        async def rows() -> AsyncIterator[Mapping[str, Any]]:
            async for page in self._caller.pages("s3", "list_buckets", "Buckets", MaxBuckets=1000):
                for row in page["Buckets"]:
                    yield row

        async def ask(row: Mapping[str, Any]) -> OpenBucket | None:
            try:
                return await self._bucket(row, account, organization)
            except TargetNotFound:  # deleted meanwhile
                return None
            except PermissionMissing:  # its own policy keeps us out: nothing can be said of this one
                return self._closed(row, organization)

        async for found in abreast(rows(), ask, 10):
            if found is not None:
                yield found

    async def _bucket(self, row: Mapping[str, Any], account: PublicAccess, organization: str) -> OpenBucket:
        name = str(row["Name"])
        region = str(row.get("BucketRegion") or "") or await self._region(name)
        owner = {"Bucket": name, "ExpectedBucketOwner": self._account}
        access = account if account.blocked else _both(account, await self._guards.public_access(name))
        lists: tuple[str, ...] = ()
        if not access.ignore_acls:
            answer = await self._caller.read("s3", "get_bucket_acl", region, **owner)
            lists = _public(answered(answer, "Grants", "s3.GetBucketAcl"))
        versioning = await self._caller.read("s3", "get_bucket_versioning", region, **owner)
        return OpenBucket(
            name=name,
            region=region,
            account=self._account,
            organization=organization,
            created_at=row["CreationDate"],
            readable=True,
            access=access,
            policy=await self._guards.bucket_policy(name),
            public_lists=lists,
            versioning=_VERSIONING.get(str(versioning.get("Status") or ""), "never"),
            expires_days=await expires_days(self._caller, name, self._account, region=region),
        )

    def _closed(self, row: Mapping[str, Any], organization: str) -> OpenBucket:
        return OpenBucket(
            name=str(row["Name"]),
            region=str(row.get("BucketRegion") or ""),
            account=self._account,
            organization=organization,
            created_at=row["CreationDate"],
            readable=False,
            access=PublicAccess(block_acls=False, ignore_acls=False, block_policy=False, restrict_buckets=False),
            policy=None,
            public_lists=(),
            versioning="never",
            expires_days=None,
        )

    async def _region(self, bucket: str) -> str:
        where = await self._caller.read("s3", "get_bucket_location", Bucket=bucket, ExpectedBucketOwner=self._account)
        found = str(where.get("LocationConstraint") or "us-east-1")
        return "eu-west-1" if found == "EU" else found  # what buckets of the first years say

    # --- functions ----------------------------------------------------------------------------------------------------

    async def functions(self) -> AsyncIterator[CloudFunction]:
        """Each with its policy."""
        organization = (await self._organization.membership()).id

        async def of(region: str) -> AsyncIterator[CloudFunction]:
            async def rows() -> AsyncIterator[Mapping[str, Any]]:
                async for page in self._caller.pages("lambda", "list_functions", "Functions", region):
                    for row in page["Functions"]:
                        yield row

            async def ask(row: Mapping[str, Any]) -> CloudFunction:
                return CloudFunction(
                    id=str(row["FunctionArn"]),
                    region=region,
                    account=self._account,
                    organization=organization,
                    name=str(row.get("FunctionName", "")),
                    changed_at=_when(row.get("LastModified")),
                    role=str(row.get("Role", "")),
                    layers=tuple(str(layer["Arn"]) for layer in row.get("Layers") or ()),
                    policy=await self._callers(region, str(row["FunctionName"])),
                )

            async for found in abreast(rows(), ask):
                yield found

        async for found in each_region(self._caller.regions, of):
            yield found

    async def _callers(self, region: str, name: str) -> dict[str, Any] | None:
        try:
            answer = await self._caller.read("lambda", "get_policy", region, FunctionName=name)
        except TargetNotFound:  # nobody from outside
            return None
        return dict(json.loads(answered(answer, "Policy", "lambda.GetPolicy")))


def _both(one: PublicAccess, other: PublicAccess) -> PublicAccess:
    return PublicAccess(
        block_acls=one.block_acls or other.block_acls,
        ignore_acls=one.ignore_acls or other.ignore_acls,
        block_policy=one.block_policy or other.block_policy,
        restrict_buckets=one.restrict_buckets or other.restrict_buckets,
    )


def _public(grants: Any) -> tuple[str, ...]:
    found = {
        str(grant.get("Permission"))
        for grant in grants
        if str((grant.get("Grantee") or {}).get("URI") or "").endswith(_EVERYBODY)
    }
    return tuple(sorted(found))


def _when(text: Any) -> datetime | None:
    """Lambda writes ``2026-11-22T09:00:00.000+0000``."""
    if not text:
        return None
    found = datetime.fromisoformat(str(text))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
