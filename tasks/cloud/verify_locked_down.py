"""`cloud.verify_locked_down`"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tasks._patience import Patience, until_right
from tasks.cloud._documents import with_deny_delete, with_kept_points
from tasks.cloud._guards import FIND, KEYS, KeyRef, PrincipalRef, aws
from tasks.cloud.block_public_access import BucketRef
from tasks.cloud.trace_destruction import Shared
from tenantry.errors import TargetNotFound
from tenantry.task import Context, Output, ReadTask


class VerifyLockedDownParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    keys: list[KeyRef] = []
    principals: list[PrincipalRef] = []
    buckets: Annotated[list[BucketRef], Field(description="From which nobody may delete any more")] = []
    vaults: Annotated[list[str], Field(description="Backup vaults from which nobody may delete any more")] = []
    shared: Annotated[list[Shared], Field(description="Snapshots that must not be shared any more")] = []
    encryption_keys: Annotated[list[str], Field(description="Which must be there and enabled")] = []
    snapshots: Annotated[list[str], Field(description="Which must be there: what machines are taken back to")] = []
    patience: Patience = 60.0


class LockedDown(Output):
    holds: bool
    """True only when every point was seen; a plan says False."""
    proofs: list[str]
    checked_at: datetime


class VerifyLockedDown(ReadTask[VerifyLockedDownParams, LockedDown]):
    """Read everything again and prove that the attacker's keys and principals do nothing any more and that what the client recovers from is safe.

    Anything that is not so fails; a point that cannot be read is an error, never a proof.
    """

    name = "cloud.verify_locked_down"
    needs = ("cloud_identity", "cloud")
    permissions = (
        FIND,
        KEYS,
        aws("iam:GetUserPolicy", "iam:GetRolePolicy", "s3:GetBucketPolicy", "kms:DescribeKey"),
        aws("backup:GetBackupVaultAccessPolicy", "backup:ListBackupVaults"),
        aws("ec2:DescribeSnapshots", "ec2:DescribeLockedSnapshots", "ec2:DescribeSnapshotAttribute"),
    )
    timeout = 900.0
    Params = VerifyLockedDownParams
    Output = LockedDown

    async def read(self, ctx: Context, p: VerifyLockedDownParams) -> LockedDown:
        if ctx.run.mode == "plan":
            return LockedDown(holds=False, proofs=[], checked_at=ctx.now)

        async def look() -> tuple[list[str], list[str]]:
            return await _look(ctx, p)

        proofs = await until_right(look, p.patience)
        return LockedDown(holds=True, proofs=proofs, checked_at=ctx.now)


async def _look(ctx: Context, p: VerifyLockedDownParams) -> tuple[list[str], list[str]]:
    proofs: list[str] = []
    wrong: list[str] = []

    def point(holds: bool, proof: str, lack: str) -> None:
        (proofs if holds else wrong).append(proof if holds else lack)

    for key in p.keys:
        point(not (await ctx.cloud_identity.key(key)).active, f"key {key} signs nothing", f"key {key} is active")
    for name in p.principals:
        point(await _denied(ctx, name), f"{name} is denied everything or gone", f"{name} may still act")
    for bucket in p.buckets:
        policy = await ctx.cloud.bucket_policy(bucket)
        kept = policy is not None and policy == with_deny_delete(policy, bucket)
        point(kept, f"nobody deletes from {bucket}", f"{bucket} is not protected against deletion")
    for vault in p.vaults:
        policy = await ctx.cloud.vault_policy(vault)
        kept = policy is not None and policy == with_kept_points(policy)
        point(kept, f"nobody deletes from {vault}", f"{vault} is not protected against deletion")
    for one in p.shared:
        gone = one.account not in await _shares(ctx, one.snapshot)
        point(gone, f"{one.snapshot} is not shared with {one.account}", f"{one.snapshot} is shared with {one.account}")
    for name in p.encryption_keys:
        state = (await ctx.cloud.encryption_key(name)).state
        point(state == "enabled", f"the encryption key {name} is there", f"the encryption key {name} is {state}")
    for name in p.snapshots:
        there = (await ctx.cloud.snapshot(name)).state == "completed"
        point(there, f"the snapshot {name} is there", f"the snapshot {name} is not complete")
    return proofs, wrong


async def _denied(ctx: Context, principal: str) -> bool:
    try:
        return await ctx.cloud_identity.denied(principal)
    except TargetNotFound:
        return True


async def _shares(ctx: Context, snapshot: str) -> tuple[str, ...]:
    try:
        return await ctx.cloud.snapshot_shares(snapshot)
    except TargetNotFound:
        return ()
