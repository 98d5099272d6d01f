"""Versions of single objects, for the tasks that get old ones back."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from tasks.cloud.block_public_access import BucketRef
from tenantry.capabilities import StoredObject
from tenantry.task import Context

ObjectKey = Annotated[str, Field(min_length=1, max_length=1024, description="Key of the object")]
VersionRef = Annotated[str, Field(min_length=1, max_length=1024, description="Id of the version")]

MOST: Final = 1_000


class OneObject(BaseModel):
    """Parameters."""

    model_config = ConfigDict(extra="forbid")
    bucket: BucketRef
    key: ObjectKey


async def versions(ctx: Context, bucket: str, key: str) -> list[StoredObject]:
    """Of this very object, newest first; the present one first of all."""
    found = [one async for one in ctx.storage.objects(bucket, key, versions=True) if one.key == key]
    return sorted(found, key=lambda one: (one.latest, one.modified_at), reverse=True)


async def same_bytes(ctx: Context, bucket: str, one: StoredObject, other: StoredObject) -> bool:
    """Whether two versions hold the same, by SHA-256 of their bytes. One that its writer encrypted holds nothing that can be compared."""
    if one.size != other.size or not await ctx.storage.opens(bucket, one.key, one.version):
        return False
    return await _digest(ctx, bucket, one) == await _digest(ctx, bucket, other)


async def _digest(ctx: Context, bucket: str, one: StoredObject) -> str:
    whole = hashlib.sha256()
    async for piece in ctx.storage.read(bucket, one.key, one.version):
        whole.update(piece)
    return whole.hexdigest()
