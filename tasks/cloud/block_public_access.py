"""`cloud.block_public_access`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.cloud._guards import aws
from tenantry.capabilities import PublicAccess
from tenantry.capabilities.cloud import EVERYTHING_BLOCKED
from tenantry.errors import Conflict
from tenantry.task import Change, Context, Impact, Task

BucketRef = Annotated[
    str, Field(min_length=3, max_length=63, pattern=r"^[a-z0-9.-]+$", description="Name of the bucket")
]


class BlockPublicAccessParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    bucket: Annotated[BucketRef | None, Field(description="Name of one bucket; none: the whole account")] = None


class BlockPublicAccess(Task[BlockPublicAccessParams]):
    """Keep one bucket, or every bucket of the account, from being open to everybody, whatever policies and ACLs say.

    Answers ATT&CK T1530. A website that is meant to be public goes dark: that is why it can ask.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """

    name = "cloud.block_public_access"
    needs = ("cloud",)
    permissions = (
        aws("s3:GetBucketPublicAccessBlock", "s3:GetAccountPublicAccessBlock"),
        aws("s3:PutBucketPublicAccessBlock", "s3:PutAccountPublicAccessBlock"),
    )
    impact = Impact.DISRUPTIVE
    Params = BlockPublicAccessParams

    async def check(self, ctx: Context, p: BlockPublicAccessParams) -> list[Change]:
        path = f"bucket/{p.bucket}/public_access" if p.bucket else "account/buckets/public_access"
        present = ctx.seen(path, (await ctx.cloud.public_access(p.bucket)).model_dump())
        wanted = EVERYTHING_BLOCKED.model_dump()
        return [] if present == wanted else [Change(path=path, before=present, after=wanted)]

    async def apply(self, ctx: Context, p: BlockPublicAccessParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.cloud.set_public_access(p.bucket, EVERYTHING_BLOCKED)

    async def undo(self, ctx: Context, p: BlockPublicAccessParams, changes: list[Change]) -> None:
        for change in changes:
            present = (await ctx.cloud.public_access(p.bucket)).model_dump()
            if present == change.before:
                continue
            if present != change.after:
                raise Conflict("what is blocked has changed since")
            await ctx.cloud.set_public_access(p.bucket, PublicAccess.model_validate(change.before))
