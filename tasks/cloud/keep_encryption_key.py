"""`cloud.keep_encryption_key`"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks.cloud._guards import aws
from tenantry.task import Change, Context, Impact, Task


class KeepEncryptionKeyParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    key: Annotated[str, Field(min_length=1, max_length=300, description="Id of the encryption key")]


class KeepEncryptionKey(Task[KeepEncryptionKeyParams]):
    """Call off the deletion of one encryption key, and enable it: without it nothing that it encrypted can ever be read again.

    Answers ATT&CK T1485 and T1486. https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html
    """

    name = "cloud.keep_encryption_key"
    needs = ("cloud",)
    permissions = (aws("kms:DescribeKey", "kms:CancelKeyDeletion", "kms:EnableKey", "kms:DisableKey"),)
    impact = Impact.REVERSIBLE
    no_undo = "To schedule the deletion of what encrypts a client's data again is nothing that an undo may do."
    Params = KeepEncryptionKeyParams

    async def check(self, ctx: Context, p: KeepEncryptionKeyParams) -> list[Change]:
        path = f"encryption_key/{p.key}/state"
        state = ctx.seen(path, (await ctx.cloud.encryption_key(p.key)).state)
        return [] if state == "enabled" else [Change(path=path, before=state, after="enabled")]

    async def apply(self, ctx: Context, p: KeepEncryptionKeyParams, changes: list[Change]) -> None:
        for _ in changes:
            if (await ctx.cloud.encryption_key(p.key)).state == "pending_deletion":
                await ctx.cloud.keep_encryption_key(p.key)
            await ctx.cloud.set_encryption_key_enabled(p.key, True)
