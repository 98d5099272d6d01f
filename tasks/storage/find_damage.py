"""`storage.find_damage`"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks._rows import RowStore
from tasks.cloud._guards import aws
from tasks.cloud.block_public_access import BucketRef
from tasks.cloud.trace_destruction import ObjectAct
from tasks.storage._versions import MOST
from tenantry.capabilities import StoredObject
from tenantry.errors import PermissionMissing, Rejected, TargetNotFound
from tenantry.task import Context, EvidenceRef, Output, ReadTask, utc

LOOKED_AT = 20_000
"""Changed objects that are judged; the others are counted."""


class FindDamageParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    buckets: Annotated[list[BucketRef], Field(max_length=100, description="Buckets to look through")]
    since: Annotated[AwareDatetime, Field(description="First activity of the attacker")]
    acts: Annotated[list[ObjectAct], Field(max_length=5_000, description="From cloud.trace_destruction")] = []


class Damaged(BaseModel):
    model_config = ConfigDict(extra="forbid")
    bucket: str
    key: str
    kind: Literal["encrypted", "overwritten", "deleted"]
    version: str
    """What is there now, the delete marker where it was deleted."""
    good: str
    """The newest version from before."""
    good_at: datetime
    reason: str


class Unsure(BaseModel):
    model_config = ConfigDict(extra="forbid")
    label: str
    reason: str


class Damage(Output):
    unversioned: list[str]
    """Buckets that keep no old versions: what is overwritten or deleted in them is gone."""
    unread: list[Unsure]
    """Buckets that could not be looked through: nothing is known of them."""
    damaged: list[Damaged]
    """With a version to go back to, the first 1,000."""
    damaged_omitted: int
    lost: list[Unsure]
    """Damaged, and no earlier version is there."""
    for_person: list[Unsure]
    """Changed in the time in question, and nothing tells by whom."""
    for_person_omitted: int
    kept: int
    """Changed by the client."""
    limits: list[str]
    evidence: list[EvidenceRef]


class FindDamage(ReadTask[FindDamageParams, Damage]):
    """Say which objects of some buckets somebody encrypted, overwrote or deleted, and which version each can go back to.

    An object is damaged if it was encrypted with a key that only its writer has (SSE-C), or if the log says that the attacker overwrote or
    deleted it. What was changed in the time in question by nobody knows whom is for a person, never overwritten. ATT&CK T1486, T1485.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/RestoringPreviousVersions.html
    """

    name = "storage.find_damage"
    needs = ("storage",)
    permissions = (
        aws("s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration", "s3:ListBucket", "s3:ListBucketVersions"),
        aws("s3:GetObject", "s3:GetObjectVersion"),
    )
    timeout = 7200.0
    Params = FindDamageParams
    Output = Damage

    async def read(self, ctx: Context, p: FindDamageParams) -> Damage:
        found = _Found(p)
        unversioned: list[str] = []
        unread: list[Unsure] = []
        evidence: list[EvidenceRef] = []
        for bucket in dict.fromkeys(p.buckets):
            rows = RowStore(ctx, f"{bucket}/versions")
            try:
                if not (await ctx.storage.protection(bucket)).versioned:
                    unversioned.append(bucket)
                await _look(ctx, p, bucket, rows, found)
            except (PermissionMissing, Rejected, TargetNotFound) as error:
                unread.append(Unsure(label=bucket, reason=error.code))
            evidence += await rows.close()
        beyond = found.beyond
        limits = [f"{beyond} more objects were changed and not judged."] if beyond else []
        limits += [
            f"{bucket} keeps no old versions: what was overwritten or deleted in it cannot be got back from it."
            for bucket in unversioned
        ]
        return Damage(
            unversioned=unversioned,
            unread=unread,
            damaged=found.damaged[:MOST],
            damaged_omitted=max(0, len(found.damaged) - MOST),
            lost=found.lost[:MOST],
            for_person=found.unsure[:200],
            for_person_omitted=max(0, len(found.unsure) - 200) + beyond,
            kept=found.kept,
            limits=limits,
            evidence=evidence,
        )


async def _look(ctx: Context, p: FindDamageParams, bucket: str, rows: RowStore, found: _Found) -> None:
    """One bucket, twice: which objects were changed, then all versions of those alone, so that memory grows with the damage only."""
    changed, beyond = await _changed(ctx, p, bucket)
    found.beyond += beyond
    held: dict[str, list[StoredObject]] = {key: [] for key in changed}
    async for one in ctx.storage.objects(bucket, versions=True):
        if one.key in held:
            held[one.key].append(one)
    for key, versions in held.items():
        for one in versions:
            await rows.add(one.raw)
        versions.sort(key=lambda each: (each.latest, each.modified_at), reverse=True)
        await found.judge(ctx, bucket, key, versions)


async def _changed(ctx: Context, p: FindDamageParams, bucket: str) -> tuple[list[str], int]:
    """Keys with a version from the time in question, and how many there are beyond those that are looked at."""
    found: dict[str, None] = {}
    beyond = 0
    async for one in ctx.storage.objects(bucket, versions=True):
        if one.latest and utc(one.modified_at) >= utc(p.since).replace(microsecond=0) and one.key not in found:
            if len(found) < LOOKED_AT:
                found[one.key] = None
            else:
                beyond += 1
    return list(found), beyond


class _Found:
    """What the versions of each changed object say."""

    def __init__(self, p: FindDamageParams) -> None:
        self._p = p
        self._acts = _by_key(p.acts)
        self.beyond = 0
        self.damaged: list[Damaged] = []
        self.lost: list[Unsure] = []
        self.unsure: list[Unsure] = []
        self.kept = 0

    async def judge(self, ctx: Context, bucket: str, key: str, versions: Sequence[StoredObject]) -> None:
        """One object: its present version, against the newest one from before."""
        if not versions:
            return  # gone between the two looks
        present = versions[0]
        acts = self._acts.get((bucket, key), [])
        theirs = [act for act in acts if act.verdict == "attacker" and act.version in ("", present.version)]
        ours = [act for act in acts if act.verdict == "client" and act.version == present.version]
        kind: Literal["encrypted", "overwritten", "deleted"] | None = None
        reason = ""
        if present.delete_marker:
            if theirs:
                kind, reason = "deleted", "the log says that the attacker deleted it"
        else:
            try:
                if not await ctx.storage.opens(bucket, key, present.version):
                    kind, reason = "encrypted", "it was encrypted with a key that only its writer has"
            except (PermissionMissing, Rejected) as error:
                self.unsure.append(Unsure(label=f"{bucket}/{key}", reason=f"it cannot be read ({error.code})"))
                return
            if kind is None and theirs:
                kind, reason = "overwritten", "the log says that the attacker wrote it"
        if kind is None:
            if ours:
                self.kept += 1
            else:
                what = "deleted" if present.delete_marker else "changed"
                self.unsure.append(
                    Unsure(label=f"{bucket}/{key}", reason=f"{what} at {present.modified_at:%Y-%m-%d %H:%M} UTC")
                )
            return
        since = utc(self._p.since).replace(microsecond=0)
        good = next((one for one in versions if not one.delete_marker and utc(one.modified_at) < since), None)
        if good is None or not good.version:
            self.lost.append(Unsure(label=f"{bucket}/{key}", reason=f"{reason}; no earlier version is there"))
            return
        self.damaged.append(
            Damaged(
                bucket=bucket,
                key=key,
                kind=kind,
                version=present.version,
                good=good.version,
                good_at=good.modified_at,
                reason=reason,
            )
        )


def _by_key(acts: Sequence[ObjectAct]) -> Mapping[tuple[str, str], list[ObjectAct]]:
    found: dict[tuple[str, str], list[ObjectAct]] = {}
    for act in acts:
        found.setdefault((act.bucket, act.key), []).append(act)
    return found
