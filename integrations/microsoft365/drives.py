"""``drives`` for Microsoft 365: OneDrive.

======= ==================== ===========================================================
method  permission           page (learn.microsoft.com/graph/api/…)
======= ==================== ===========================================================
items   Files.ReadWrite.All  drive-get (users/{id}/drive), driveitem-list-children
grant   Files.ReadWrite.All  driveitem-list-permissions
share   Files.ReadWrite.All  driveitem-invite
unshare Files.ReadWrite.All  permission-delete
======= ==================== ===========================================================

Known limits:
    - The drive as a whole is given to somebody in SharePoint's own administration alone; Graph shares items. So what is put at the top later is not shared.
    - Whether an invitation took is read back: the vendor has answered one with success and given nothing.
    - ``retainInheritedPermissions`` is left out: left to its default, everybody else keeps what they have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from integrations.microsoft365._read import text
from integrations.microsoft365.graph import Graph, segment
from integrations.microsoft365.sdk import Sdk, build
from tenantry.capabilities.drives import DriveGrant, DriveItem, DriveRole
from tenantry.errors import TargetNotFound

__all__ = ["Microsoft365Drives"]

_NEEDS: Final = "Files.ReadWrite.All"


class Microsoft365Drives:
    """Implements :class:`tenantry.capabilities.Drives`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def items(self, user: str) -> Sequence[DriveItem]:
        """Files and folders at the top."""
        drive = text((await self._graph.get(f"/users/{segment(user)}/drive", needs=_NEEDS)).get("id"))
        rows = await self._graph.whole(f"/drives/{segment(drive)}/items/root/children", needs=_NEEDS)
        return [DriveItem(id=text(row.get("id")), drive=drive, name=text(row.get("name")), raw=row) for row in rows]

    async def grant(self, item: DriveItem, account_id: str) -> DriveGrant | None:
        """By the directory's id of who has it."""
        for row in await self._graph.whole(f"{_path(item)}/permissions", needs=_NEEDS):
            if not row.get("inheritedFrom") and not row.get("link") and _holder(row) == account_id.lower():
                roles = tuple(sorted(text(role) for role in row.get("roles") or ()))
                return DriveGrant(id=text(row.get("id")), roles=roles, raw=row)
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

    @property
    def _root(self) -> str:
        return f"{self._graph.base_url}/v1.0"


def _path(item: DriveItem) -> str:
    return f"/drives/{segment(item.drive)}/items/{segment(item.id)}"


def _holder(row: dict[str, Any]) -> str:
    """The directory's id of a person who was given something, lower case; empty: it was no person."""
    whose = row.get("grantedToV2") or row.get("grantedTo") or {}
    return text((whose.get("user") or {}).get("id")).lower()
