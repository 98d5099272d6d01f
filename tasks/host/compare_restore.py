"""`host.compare_restore`"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

from tasks._rows import RowStore
from tasks.host._restore import Counter, Due, OnePoint, linux, token
from tenantry.task import Context, EvidenceRef, Output, ReadTask


class CompareRestoreParams(OnePoint):
    since: Annotated[AwareDatetime, Field(description="First activity of the intruder: what was changed before stays")]


class Compared(Output):
    """What was backed up against what is there."""

    host: str
    point: str
    since: datetime
    due: int
    """Files that are not there any more, or were changed since: these would be put back."""
    missing: int
    changed: int
    same: int
    left: int
    """Files that differ and were changed before: they stay as they are."""
    first: list[str]
    """What is due, the first 200; all of it is in the evidence."""
    evidence: list[EvidenceRef]


class CompareRestore(ReadTask[CompareRestoreParams, Compared]):
    """Compare a staged recovery point with what is in its place, file by file, by SHA-256.

    ATT&CK T1486 (data encrypted for impact), T1485 (data destruction). A file that is changed by those who work with it while the intruder
    is there counts as changed too: what is replaced is kept beside, and looked at by a person.
    """

    name = "host.compare_restore"
    needs = ("host_backup",)
    permissions = (linux("find", "xargs"),)
    timeout = 7200.0
    Params = CompareRestoreParams
    Output = Compared

    async def read(self, ctx: Context, p: CompareRestoreParams) -> Compared:
        rows, counter = RowStore(ctx, f"{p.host}/files-compared"), Counter()
        if ctx.run.mode != "plan":  # a plan stages nothing, and so has nothing to compare
            async for file in ctx.host_backup.compare(p.host, p.point, token=token(ctx, p)):
                if not file.same:
                    await rows.add(file.model_dump(mode="json"))
                there = file.changed_at is not None
                counter.add(file.path, file.sha256, same=file.same, due=file.due(p.since), there=there)
        found: Due = counter.close()
        return Compared(
            host=p.host,
            point=p.point,
            since=p.since,
            due=found.due,
            missing=found.missing,
            changed=found.changed,
            same=found.same,
            left=found.left,
            first=found.first,
            evidence=await rows.close(),
        )
