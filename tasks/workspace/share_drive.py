"""`workspace.share_drive`"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from tasks.identity._guards import mailbox_guards
from tenantry.capabilities import DriveGrant, DriveItem
from tenantry.errors import Conflict, InvalidInput, TargetNotFound
from tenantry.task import AccountRef, Change, Context, Impact, Permission, Task

_ROLE: Final = "write"
_ENOUGH: Final = frozenset({_ROLE, "owner"})


class ShareDriveParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    account: AccountRef
    trustee: Annotated[AccountRef, Field(description="Who may open it: an account of the same tenant")]


class ShareDrive(Task[ShareDriveParams]):
    """Let one account of the tenant read and change everything in another's OneDrive, such as a manager a leaver's.

    Each file and folder that lies at the top is shared, so what is put there later is not. The trustee finds it under "Shared with me". Who else may
    open it stays as it is, in the undo as well. An account without a drive has nothing to share. https://learn.microsoft.com/graph/api/driveitem-invite
    """

    name = "workspace.share_drive"
    needs = ("drives", "identity")
    permissions = (Permission(vendor="microsoft365", names=("Files.ReadWrite.All", "User.Read.All")),)
    impact = Impact.REVERSIBLE
    timeout = 300.0
    Params = ShareDriveParams

    async def check(self, ctx: Context, p: ShareDriveParams) -> list[Change]:
        owner, trustee = await ctx.identity.account(p.account), await ctx.identity.account(p.trustee)
        if owner.id == trustee.id:
            raise InvalidInput(f"{owner.upn} has their own drive", place="trustee")
        changes = []
        for item in await _items(ctx, owner.id):
            held = await _held(ctx, item, trustee.id)
            path = _path(item, trustee.id)
            if not _ENOUGH & set(ctx.seen(path, held) or ()):
                changes.append(Change(path=path, before=held, after=[_ROLE]))
        return changes

    async def apply(self, ctx: Context, p: ShareDriveParams, changes: list[Change]) -> None:
        trustee = await ctx.identity.account(p.trustee)
        wanted = {change.path for change in changes}
        for item in await _items(ctx, (await ctx.identity.account(p.account)).id):
            if _path(item, trustee.id) in wanted:
                await ctx.capability("drives").share(item, trustee.id, _ROLE)

    async def undo(self, ctx: Context, p: ShareDriveParams, changes: list[Change]) -> None:
        drives, trustee = ctx.capability("drives"), await ctx.identity.account(p.trustee)
        before = {change.path: change.before for change in changes}
        ours: list[tuple[DriveItem, DriveGrant]] = []
        for item in await _items(ctx, (await ctx.identity.account(p.account)).id):
            path = _path(item, trustee.id)
            grant = await drives.grant(item, trustee.id)
            if path not in before or _roles(grant) == before[path]:
                continue
            if grant is None or _roles(grant) != [_ROLE]:
                raise Conflict(f"{trustee.upn} was given other rights on {item.name} of {p.account} since")
            ours.append((item, grant))
        for item, grant in ours:
            await drives.unshare(item, grant)
            if before[_path(item, trustee.id)] is not None:  # they could read it
                await drives.share(item, trustee.id, "read")

    async def guard(self, ctx: Context, p: ShareDriveParams) -> list[str]:
        return await mailbox_guards(ctx, p.account)


def _path(item: DriveItem, trustee: str) -> str:
    return f"drive/{item.drive}/{item.id}/shared:{trustee}"


async def _items(ctx: Context, account: str) -> Sequence[DriveItem]:
    try:
        found: Sequence[DriveItem] = await ctx.capability("drives").items(account)
    except TargetNotFound:
        return ()
    return found


async def _held(ctx: Context, item: DriveItem, trustee: str) -> list[str] | None:
    return _roles(await ctx.capability("drives").grant(item, trustee))


def _roles(grant: DriveGrant | None) -> list[str] | None:
    return None if grant is None else list(grant.roles)
