"""`cloud.protect_bucket`"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from tasks.cloud._documents import with_deny_delete
from tasks.cloud._guards import aws
from tasks.cloud.block_public_access import BucketRef
from tenantry.errors import Conflict
from tenantry.task import Change, Context, Impact, Task


class ProtectBucketParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    bucket: BucketRef


class ProtectBucket(Task[ProtectBucketParams]):
    """Let nobody delete what is in one bucket, have it expire, or encrypt it with a key of their own, for as long as the incident lasts.

    Answers ATT&CK T1485 and T1486. Statements are merged into the bucket's policy, because setting a policy replaces all of it.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
    """

    name = "cloud.protect_bucket"
    needs = ("cloud",)
    permissions = (aws("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"),)
    impact = Impact.DISRUPTIVE
    Params = ProtectBucketParams

    async def check(self, ctx: Context, p: ProtectBucketParams) -> list[Change]:
        path = f"bucket/{p.bucket}/policy"
        present = ctx.seen(path, await ctx.cloud.bucket_policy(p.bucket))
        wanted = with_deny_delete(present, p.bucket)
        return [] if present == wanted else [Change(path=path, before=present, after=wanted)]

    async def apply(self, ctx: Context, p: ProtectBucketParams, changes: list[Change]) -> None:
        for change in changes:
            await ctx.cloud.set_bucket_policy(p.bucket, change.after)

    async def undo(self, ctx: Context, p: ProtectBucketParams, changes: list[Change]) -> None:
        for change in changes:
            present = await ctx.cloud.bucket_policy(p.bucket)
            if present == change.before:
                continue
            if present != change.after:
                raise Conflict(f"the policy of {p.bucket} has changed since")
            await ctx.cloud.set_bucket_policy(p.bucket, change.before)
