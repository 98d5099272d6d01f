"""S3 (and what speaks like it) as a place to hand over to: parts of a multipart upload, read back with GetObject.

Sources (docs.aws.amazon.com/AmazonS3/latest): /userguide/mpuoverview.html, /userguide/qfacts.html (10,000 parts; 5 MiB at least, the last one less),
/API/API_CreateMultipartUpload.html, /API/API_UploadPart.html, /API/API_ListParts.html, /API/API_CompleteMultipartUpload.html.

Permissions: s3:PutObject, s3:GetObject, s3:ListBucket, s3:ListMultipartUploadParts, s3:AbortMultipartUpload on the prefix.

The bucket is the client's. Nothing is deleted in it: an upload that is given up is the bucket's own lifecycle rule's to remove.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from integrations.aws.caller import Caller, answered
from integrations.aws.s3 import AwsStorage
from tenantry.errors import DestinationFull, ProviderError, TargetNotFound
from tenantry.handover.place import Held

__all__ = ["S3Place"]

_PART: Final = 8 * 1024 * 1024
_PARTS: Final = 9_000
_MIB: Final = 1024 * 1024
_COMPLETING: Final = ("PartNumber", "ETag", "ChecksumCRC32")
_FULL: Final = frozenset(
    {
        *("InsufficientCapacity", "InsufficientStorage", "QuotaExceeded", "EntityTooLarge"),
        *("XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"),
    }
)
"""AWS itself is never full; stores that speak its protocol are."""


class S3Place:
    """Implements :class:`tenantry.handover.place.Place`.

    Args:
        caller: signs for whoever may write there.
        account: the bucket's owner, twelve digits; None for a store that knows no accounts. With it a bucket of that name in another
            account is refused by AWS.
        prefix: below which everything goes; empty: the bucket itself.
    """

    def __init__(self, caller: Caller, bucket: str, prefix: str = "", *, account: str | None) -> None:
        self._caller = caller
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._owner: Mapping[str, str] = {} if account is None else {"ExpectedBucketOwner": account}
        self._storage = AwsStorage(caller, account)

    @property
    def label(self) -> str:
        """Bucket and prefix."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def part_bytes(self, size: int) -> int:
        """8 MiB, more for files of more than 70 GiB: an upload has at most 10,000 parts."""
        return max(_PART, -(-size // _PARTS // _MIB) * _MIB)

    async def held(self, name: str, size: int, token: str) -> Held:  # noqa: ARG002  # the contract's: S3 tells sizes itself
        """HeadObject, then ListParts of the upload that was begun."""
        try:
            found = await self._read("head_object", Key=self._key(name))
            return Held(size=int(answered(found, "ContentLength", "s3.HeadObject")))
        except TargetNotFound:
            parts = await self._parts(name, token)
        sizes = {number: int(row["Size"]) for number, row in parts.items()}
        return Held(token=token, parts=sizes) if sizes else Held()

    async def put(self, name: str, data: bytes) -> None:
        """PutObject."""
        await self._write("put_object", Key=self._key(name), Body=data)

    async def begin(self, name: str) -> str:
        """CreateMultipartUpload. It names the checksum with which botocore sends each part: a strict store refuses parts that bring one which
        the upload was not begun with."""
        answer = await self._write("create_multipart_upload", Key=self._key(name), ChecksumAlgorithm="CRC32")
        return str(answered(answer, "UploadId", "s3.CreateMultipartUpload", write=True))

    async def part(self, name: str, token: str, number: int, offset: int, data: bytes) -> None:  # noqa: ARG002  # the contract's: S3 counts parts
        """UploadPart; the same number again replaces it."""
        await self._write("upload_part", Key=self._key(name), UploadId=token, PartNumber=number + 1, Body=data)

    async def finish(self, name: str, token: str) -> None:
        """CompleteMultipartUpload with the parts that AWS itself lists, each with the checksum that it has there: AWS demands them."""
        parts = await self._parts(name, token)
        listed = [{key: row[key] for key in _COMPLETING if key in row} for _, row in sorted(parts.items())]
        await self._write(
            "complete_multipart_upload", Key=self._key(name), UploadId=token, MultipartUpload={"Parts": listed}
        )

    def read(self, name: str) -> AsyncIterator[bytes]:
        """GetObject, taken up where the connection broke."""
        return self._storage.read(self._bucket, self._key(name))

    async def listing(self) -> AsyncIterator[tuple[str, int]]:
        """ListObjectsV2."""
        async for one in self._storage.objects(self._bucket, self._prefix):
            yield one.key.removeprefix(self._prefix), one.size

    async def _parts(self, name: str, token: str) -> dict[int, Mapping[str, Any]]:
        """Number → what ListParts says of each part that arrived; empty where there is no such upload (any more)."""
        if not token:
            return {}
        found: dict[int, Mapping[str, Any]] = {}
        try:
            named = {"Bucket": self._bucket, "Key": self._key(name), "UploadId": token}
            async for page in self._caller.pages("s3", "list_parts", "UploadId", **named, **self._owner):
                for row in page.get("Parts") or ():
                    found[int(row["PartNumber"]) - 1] = row
        except TargetNotFound:
            return {}
        return found

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"

    async def _read(self, operation: str, **params: Any) -> dict[str, Any]:
        return await self._caller.read("s3", operation, Bucket=self._bucket, **params, **self._owner)

    async def _write(self, operation: str, **params: Any) -> dict[str, Any]:
        with _full(self.label):
            return await self._caller.write("s3", operation, Bucket=self._bucket, **params, **self._owner)


@contextmanager
def _full(label: str) -> Iterator[None]:
    try:
        yield
    except ProviderError as error:
        if error.detail.get("vendor_code") in _FULL or error.detail.get("status") == 507:
            raise DestinationFull(f"{label} is full", **error.detail) from error
        raise
