"""``storage`` over S3.

Sources (docs.aws.amazon.com/AmazonS3/latest): /API/API_<Operation>.html, /userguide/object-lock.html, /userguide/RestoringPreviousVersions.html.

Every call names the expected owner of the bucket: bucket names are global, and one of another account is refused by AWS itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from integrations.aws.caller import Caller, answered
from integrations.aws.rows import plain
from tenantry.capabilities.storage import Bucket, BucketProtection, Retention, StoredObject
from tenantry.errors import Rejected, TargetNotFound, VendorFault

__all__ = ["AwsStorage"]

_PIECE: Final = 1024 * 1024
_TRIES: Final = 5
_NO_LOCK: Final = frozenset({"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"})


class AwsStorage:
    """Implements :class:`tenantry.capabilities.Storage`.

    Args:
        account: who must own the buckets; None for a store that speaks S3 and knows no accounts.
    """

    def __init__(self, caller: Caller, account: str | None) -> None:
        self._caller = caller
        self._owner: Mapping[str, str] = {} if account is None else {"ExpectedBucketOwner": account}

    async def buckets(self) -> AsyncIterator[Bucket]:
        """Of the account."""
        async for page in self._caller.pages("s3", "list_buckets", "Buckets"):
            for row in page["Buckets"]:
                where = await self._caller.read("s3", "get_bucket_location", Bucket=row["Name"], **self._owner)
                yield Bucket(
                    name=str(row["Name"]),
                    created_at=row["CreationDate"],
                    region=str(where.get("LocationConstraint") or "us-east-1"),
                )

    async def protection(self, bucket: str) -> BucketProtection:
        """Versioning and object lock."""
        versioning = await self._caller.read("s3", "get_bucket_versioning", Bucket=bucket, **self._owner)
        rule: Mapping[str, Any] = {}
        lock = False
        try:
            answer = await self._caller.read("s3", "get_object_lock_configuration", Bucket=bucket, **self._owner)
            found = answered(answer, "ObjectLockConfiguration", "s3.GetObjectLockConfiguration")
            lock = found.get("ObjectLockEnabled") == "Enabled"
            rule = (found.get("Rule") or {}).get("DefaultRetention") or {}
        except TargetNotFound as missing:
            if missing.detail.get("vendor_code") not in _NO_LOCK:
                raise
        days = rule.get("Days") or (int(rule["Years"]) * 365 if rule.get("Years") else None)
        return BucketProtection(
            versioned=versioning.get("Status") == "Enabled",
            lock=lock,
            default_mode=_mode(rule["Mode"]) if rule.get("Mode") else None,
            default_days=days,
        )

    async def objects(self, bucket: str, prefix: str = "", *, versions: bool = False) -> AsyncIterator[StoredObject]:
        """ListObjectsV2 or ListObjectVersions. An empty page has no list at all: its ``Name`` proves that it is a page."""
        operation = "list_object_versions" if versions else "list_objects_v2"
        async for page in self._caller.pages("s3", operation, "Name", Bucket=bucket, Prefix=prefix, **self._owner):
            for row in page.get("Contents") or page.get("Versions") or ():
                yield _object(row)
            for row in page.get("DeleteMarkers") or ():
                yield _object(row, marker=True)

    async def read(self, bucket: str, key: str, version: str = "") -> AsyncIterator[bytes]:
        """GetObject; where the connection broke it goes on from there, only if it is still the same object."""
        named = {"VersionId": version} if version else {}
        got, whole, etag, tries = 0, None, "", 0
        while whole is None or got < whole:
            more = {"Range": f"bytes={got}-", "IfMatch": etag} if got else {}
            body = await self._caller.open_body(
                "s3", "get_object", Bucket=bucket, Key=key, **named, **more, **self._owner
            )
            try:
                if whole is None:
                    whole = int(answered(body.answer, "ContentLength", "s3.GetObject"))
                    etag = str(body.answer.get("ETag", ""))
                while got < whole:
                    piece = await body.piece(_PIECE)
                    if not piece:
                        raise VendorFault("s3.GetObject ended before its length", vendor="aws")
                    got += len(piece)
                    yield piece
            except VendorFault:
                tries += 1
                if tries >= _TRIES:
                    raise
            finally:
                body.close()

    async def opens(self, bucket: str, key: str, version: str = "") -> bool:
        """GetObject, of which nothing is read. Without the key of an object under SSE-C it answers InvalidRequest, and so it does for no
        other reason when nothing but the object is named (/userguide/ServerSideEncryptionCustomerKeys.html)."""
        named = {"VersionId": version} if version else {}
        try:
            body = await self._caller.open_body("s3", "get_object", Bucket=bucket, Key=key, **named, **self._owner)
        except Rejected as refusal:
            if refusal.detail.get("vendor_code") != "InvalidRequest":
                raise
            return False
        body.close()
        return True

    async def write(self, bucket: str, key: str, data: bytes) -> str:
        """PutObject, in one piece."""
        answer = await self._caller.write("s3", "put_object", Bucket=bucket, Key=key, Body=data, **self._owner)
        return str(answer.get("VersionId") or "")

    async def restore_version(self, bucket: str, key: str, version: str) -> None:
        """CopyObject onto itself."""
        await self._caller.write(
            "s3",
            "copy_object",
            Bucket=bucket,
            Key=key,
            CopySource={"Bucket": bucket, "Key": key, "VersionId": version},
            **({"ExpectedSourceBucketOwner": owner} if (owner := self._owner.get("ExpectedBucketOwner")) else {}),
            **self._owner,
        )

    async def retention(self, bucket: str, key: str, version: str) -> Retention | None:
        """A version without one answers NoSuchObjectLockConfiguration; a bucket without locks refuses the question."""
        try:
            answer = await self._caller.read(
                "s3", "get_object_retention", Bucket=bucket, Key=key, VersionId=version, **self._owner
            )
        except TargetNotFound as missing:
            if missing.detail.get("vendor_code") not in _NO_LOCK:
                raise
            return None
        row = answer.get("Retention") or {}
        if not row.get("Mode"):
            return None
        return Retention(mode=_mode(row["Mode"]), until=row["RetainUntilDate"])

    async def set_retention(self, bucket: str, key: str, version: str, retention: Retention) -> None:
        """PutObjectRetention without bypassing anything."""
        await self._caller.write(
            "s3",
            "put_object_retention",
            Bucket=bucket,
            Key=key,
            VersionId=version,
            Retention={"Mode": retention.mode.upper(), "RetainUntilDate": retention.until},
            **self._owner,
        )

    async def remove_version(self, bucket: str, key: str, version: str) -> None:
        """DeleteObject of one version: for good."""
        try:
            await self._caller.write("s3", "delete_object", Bucket=bucket, Key=key, VersionId=version, **self._owner)
        except TargetNotFound as missing:
            if missing.detail.get("vendor_code") == "NoSuchBucket":
                raise


def _mode(text: str) -> Any:
    return text.lower()


def _object(row: Mapping[str, Any], *, marker: bool = False) -> StoredObject:
    version = str(row.get("VersionId") or "")
    return StoredObject.model_construct(
        key=str(row["Key"]),
        version="" if version == "null" else version,
        latest=bool(row.get("IsLatest", True)),
        delete_marker=marker,
        size=int(row.get("Size") or 0),
        modified_at=row["LastModified"],
        etag=str(row.get("ETag") or "").strip('"'),
        raw=plain(row),
    )
