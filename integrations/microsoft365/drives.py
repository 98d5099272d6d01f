"""``drives`` for Microsoft 365: OneDrive.

======= ==================== ===========================================================
method  permission           page (learn.microsoft.com/graph/api/…)
======= ==================== ===========================================================
items   Files.ReadWrite.All  drive-get (users/{id}/drive), driveitem-list-children
grant   Files.ReadWrite.All  driveitem-list-permissions
share   Files.ReadWrite.All  driveitem-invite
shares  Files.ReadWrite.All  driveitem-list-children, driveitem-list-permissions
unshare Files.ReadWrite.All  permission-delete
======= ==================== ===========================================================

Known limits:
    - The drive as a whole is given to somebody in SharePoint's own administration alone; Graph shares items. So what is put at the top later is not shared.
    - Which items are shared is told by the vendor's ``shared`` of each; the permissions of those alone are asked. One request a folder and one a shared item.
    - Who was given the whole site in SharePoint's administration is on no item.
    - Whether an invitation took is read back: the vendor has answered one with success and given nothing.
    - ``retainInheritedPermissions`` is left out: left to its default, everybody else keeps what they have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from integrations.microsoft365._read import text
from integrations.microsoft365.graph import Graph, segment
from integrations.microsoft365.sdk import Sdk, build
from tenantry.capabilities.drives import DriveGrant, DriveItem, DriveRole, DriveShare
from tenantry.errors import TargetNotFound

__all__ = ["Microsoft365Drives"]

_NEEDS: Final = "Files.ReadWrite.All"


class Microsoft365Drives:
    """Implements :class:`tenantry.capabilities.Drives`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def items(self, user: str) -> Sequence[DriveItem]:
        """Files and folders at the top."""
        return await self._children(await self._drive(user), "root")

    async def shares(self, user: str) -> Sequence[DriveShare]:
        """Folder by folder."""
        drive, found = await self._drive(user), list[DriveShare]()
        folders = [("root", "")]
        while folders:
            folder, above = folders.pop()
            for item in await self._children(drive, folder):
                path = f"{above}{item.name}"
                if "folder" in item.raw and (item.raw["folder"] or {}).get("childCount") != 0:
                    folders.append((item.id, f"{path}/"))
                if item.raw.get("shared") is not None:
                    rows = await self._graph.whole(f"{_path(item)}/permissions", needs=_NEEDS)
                    found += [_share(item, path, row) for row in rows if _is_given_to_others(row)]
        return found

    async def grant(self, item: DriveItem, account_id: str) -> DriveGrant | None:
        """By the directory's id of who has it."""
        for row in await self._graph.whole(f"{_path(item)}/permissions", needs=_NEEDS):
            if not row.get("inheritedFrom") and not row.get("link") and _holder(row) == account_id.lower():
                return _grant(row)
        return None

    async def share(self, item: DriveItem, account_id: str, role: DriveRole) -> None:
        """As "Direct access" of SharePoint's pages."""

        def make(sdk: Sdk) -> Any:
            body = sdk.invitation(account_id, role)
            return sdk.drive_item(item.drive, item.id).invite.to_post_request_information(body)

        await self._graph.send(await build(self._root, make), needs=_NEEDS)

    async def unshare(self, item: DriveItem, grant: DriveGrant) -> None:
        """Absent counts as taken back."""

        def make(sdk: Sdk) -> Any:
            permissions = sdk.drive_item(item.drive, item.id).permissions
            return permissions.by_permission_id(grant.id).to_delete_request_information()

        try:
            await self._graph.send(await build(self._root, make), needs=_NEEDS)
        except TargetNotFound:
            return

    async def _drive(self, user: str) -> str:
        return text((await self._graph.get(f"/users/{segment(user)}/drive", needs=_NEEDS)).get("id"))

    async def _children(self, drive: str, folder: str) -> list[DriveItem]:
        path = f"/drives/{segment(drive)}/items/{segment(folder)}/children"
        rows = await self._graph.whole(path, needs=_NEEDS)
        return [DriveItem(id=text(row.get("id")), drive=drive, name=text(row.get("name")), raw=row) for row in rows]

    @property
    def _root(self) -> str:
        return f"{self._graph.base_url}/v1.0"


def _path(item: DriveItem) -> str:
    return f"/drives/{segment(item.drive)}/items/{segment(item.id)}"


def _grant(row: dict[str, Any]) -> DriveGrant:
    roles = tuple(sorted(text(role) for role in row.get("roles") or ()))
    return DriveGrant(id=text(row.get("id")), roles=roles, raw=row)


def _is_given_to_others(row: dict[str, Any]) -> bool:
    return not row.get("inheritedFrom") and "owner" not in (row.get("roles") or ())


def _share(item: DriveItem, path: str, row: dict[str, Any]) -> DriveShare:
    link = row.get("link")
    reach, whose = "", [_whose(row)]
    if link is not None:  # one that does not say how far it reaches is taken to reach everybody
        reach = text(link.get("scope")) or "anonymous"
        whose = row.get("grantedToIdentitiesV2") or row.get("grantedToIdentities") or []
    to = tuple(sorted({_name(one) for one in whose} - {""}))
    return DriveShare(item=item, path=path, grant=_grant(row), to=to, link=reach)


def _whose(row: dict[str, Any]) -> dict[str, Any]:
    return row.get("grantedToV2") or row.get("grantedTo") or {}


def _name(whose: dict[str, Any]) -> str:
    """Whoever it is, person, group or group of SharePoint's: their address where they have one."""
    for kind in ("user", "group", "siteUser", "siteGroup", "application"):
        one = whose.get(kind) or {}
        found = text(one.get("email")) or text(one.get("displayName")) or text(one.get("id"))
        if found:
            return found
    return ""


def _holder(row: dict[str, Any]) -> str:
    """The directory's id of a person who was given something, lower case; empty: it was no person."""
    return text((_whose(row).get("user") or {}).get("id")).lower()
