"""`host.restore_files`"""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from tasks.host._restore import Counter, Due, OnePoint, linux, token
from tenantry.errors import Conflict, NotVerified
from tenantry.task import Change, Context, Impact, Task


class RestoreFilesParams(OnePoint):
    since: Annotated[AwareDatetime, Field(description="First activity of the intruder: what was changed before stays")]


class RestoreFiles(Task[RestoreFilesParams]):
    """Put files of a staged recovery point where they belong, and see by their digests that they are there.

    Files that are gone, or were changed since the intruder came. What is replaced is kept beside the staging folder: an encrypted file may be
    the only copy of what came after the backup, and is evidence. The host works by itself and is watched for two hours.
    NIST CSF 2.0, RC.RP-03 and RC.RP-05 (integrity verified before and after).
    """

    name = "host.restore_files"
    needs = ("host_backup",)
    permissions = (linux("find", "setsid", "xargs"),)
    impact = Impact.DISRUPTIVE
    timeout = 600.0
    patience = 7200.0
    Params = RestoreFilesParams

    async def check(self, ctx: Context, p: RestoreFilesParams) -> list[Change]:
        path = f"host/{p.host}/files:{p.point}"
        if ctx.run.mode == "plan":
            # What differs shows once it is staged, and a plan stages nothing.
            planned = Change(path=path, before="what was changed or deleted since", after="as it was backed up")
            return [] if path in ctx.planned else [planned]
        found = await compared(ctx, p)
        if not found.due:
            return []
        before = {"missing": found.missing, "changed": found.changed, "sha256": found.digest}
        return [Change(path=path, before=before, after={"missing": 0, "changed": 0})]

    async def apply(self, ctx: Context, p: RestoreFilesParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.host_backup.put_in_place(p.host, p.point, p.since, token=token(ctx, p))

    async def verify(self, ctx: Context, p: RestoreFilesParams, changes: list[Change]) -> list[Change]:
        if await ctx.host_backup.placing(p.host, p.point, token=token(ctx, p)):
            return changes
        found = await compared(ctx, p)
        if found.due:
            raise NotVerified(
                f"{found.due} files on {p.host} are not as they were backed up: {', '.join(found.first[:5])}",
                remedy="A file whose folder is a link, or that something still writes to, is put back by hand; then resume the run.",
            )
        return []

    async def undo(self, ctx: Context, p: RestoreFilesParams, changes: list[Change]) -> None:
        backups, mine = ctx.host_backup, token(ctx, p)
        for _ in changes:
            if await backups.placing(p.host, p.point, token=mine):
                return
            kept = changed = 0
            async for file in backups.compare(p.host, p.point, token=mine):
                kept += file.kept
                changed += file.kept and not file.same
            if changed:
                raise Conflict(f"{changed} files on {p.host} were changed since they were restored")
            if kept:
                await backups.put_back(p.host, p.point, token=mine)

    async def verify_undone(self, ctx: Context, p: RestoreFilesParams, changes: list[Change]) -> bool:  # noqa: ARG002  # by token
        backups, mine = ctx.host_backup, token(ctx, p)
        if await backups.placing(p.host, p.point, token=mine):
            return False
        async for file in backups.compare(p.host, p.point, token=mine):
            if file.kept:
                return False
        return True


async def compared(ctx: Context, p: RestoreFilesParams) -> Due:
    """What is due now."""
    counter = Counter()
    async for file in ctx.host_backup.compare(p.host, p.point, token=token(ctx, p)):
        counter.add(file.path, file.sha256, same=file.same, due=file.due(p.since), there=file.changed_at is not None)
    return counter.close()
