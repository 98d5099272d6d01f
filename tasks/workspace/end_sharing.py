"""`workspace.end_sharing`"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.identity._guards import mailbox_guards
from tenantry.capabilities import DriveShare
from tenantry.errors import TargetNotFound
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task


class EndSharingParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef


class EndSharing(Task[EndSharingParams]):
    """Take back everything that others were given in one account's OneDrive, in all folders: links, and rights of people and groups.

    Each change says what it was, how far it reached and who had it. The owner keeps the files. What was given for the whole site in SharePoint's administration
    stays. An account without a drive shares nothing. https://learn.microsoft.com/graph/api/permission-delete
    """

    name = "workspace.end_sharing"
    needs = ("drives", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Files.ReadWrite.All", "User.Read.All")),)
    impact = Impact.DISRUPTIVE
    no_undo = "A link that was deleted is never made again: a new one has another address. The changes say what was shared with whom."
    timeout = 1800.0
    Params = EndSharingParams

    async def check(self, ctx: Context, p: EndSharingParams) -> list[Change]:
        changes = []
        for share in await _shares(ctx, p.account):
            path, before = _path(share), _said(share)
            if ctx.seen(path, before) is not None:
                changes.append(Change(path=path, before=before, after=None))
        return changes

    async def apply(self, ctx: Context, p: EndSharingParams, changes: list[Change]) -> None:
        wanted = {change.path for change in changes}
        for share in await _shares(ctx, p.account):
            if _path(share) in wanted:
                await ctx.capability("drives").unshare(share.item, share.grant)

    async def guard(self, ctx: Context, p: EndSharingParams) -> list[str]:
        return await mailbox_guards(ctx, p.account)


async def _shares(ctx: Context, account: str) -> Sequence[DriveShare]:
    owner = await ctx.identity.account(account)
    try:
        found: Sequence[DriveShare] = await ctx.capability("drives").shares(owner.id)
    except TargetNotFound:
        return ()
    return found


def _path(share: DriveShare) -> str:
    return f"drive/{share.item.drive}/{share.item.id}/permission:{share.grant.id}"


def _said(share: DriveShare) -> dict[str, Any]:
    return {"file": share.path, "to": list(share.to), "link": share.link or None, "roles": list(share.grant.roles)}
