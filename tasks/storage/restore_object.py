"""`storage.restore_object`"""

from __future__ import annotations

from tasks.cloud._guards import aws
from tasks.storage._versions import OneObject, VersionRef, same_bytes, versions
from tenantry.errors import TargetNotFound
from tenantry.task import Change, Context, Impact, Task


class RestoreObjectParams(OneObject):
    version: VersionRef


class RestoreObject(Task[RestoreObjectParams]):
    """Make an old version of one object the present one again, and see by the SHA-256 of both that it is.

    It is copied over what is there, which stays beneath it as a version of its own: nothing is deleted, and an encrypted version is evidence.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/RestoringPreviousVersions.html
    """

    name = "storage.restore_object"
    needs = ("storage",)
    permissions = (
        aws("s3:ListBucket", "s3:ListBucketVersions", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"),
    )
    impact = Impact.REVERSIBLE
    no_undo = (
        "What was there lies beneath as a version; whoever wants it back makes that one the present one, the same way."
    )
    timeout = 120.0
    Params = RestoreObjectParams

    async def check(self, ctx: Context, p: RestoreObjectParams) -> list[Change]:
        path = f"object/{p.bucket}:{p.key}/content"
        if path in ctx.planned:
            return []
        held = await versions(ctx, p.bucket, p.key)
        good = next((one for one in held if one.version == p.version and not one.delete_marker), None)
        if good is None:
            raise TargetNotFound(f"{p.bucket} has no version {p.version} of {p.key}")
        present = held[0]
        if present.version == good.version:
            return []
        if not present.delete_marker and await same_bytes(ctx, p.bucket, present, good):
            return []
        return [Change(path=path, before={"version": present.version}, after={"as_version": p.version})]

    async def apply(self, ctx: Context, p: RestoreObjectParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.storage.restore_version(p.bucket, p.key, p.version)
