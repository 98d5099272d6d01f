"""``entitlements`` for Microsoft 365.

================== ================================================== ====================================================
method             permission                                         page (learn.microsoft.com/graph/api/…)
================== ================================================== ====================================================
memberships        GroupMember.Read.All + User.Read.All               user-list-memberof
remove_membership, GroupMember.ReadWrite.All; of Exchange's groups    group-get, group-delete-members, group-post-members;
add_membership     Exchange.ManageAsApp and the Exchange role         learn.microsoft.com/powershell/module/exchange/
                   Distribution Groups                                remove-distributiongroupmember, add-… of the same
licences           User.Read.All                                      user-get (licenseAssignmentStates), user-list-licensedetails
remove_licence,    LicenseAssignment.ReadWrite.All                    user-assignlicense
add_licence
================== ================================================== ====================================================

Known limits:
    - Distribution lists and mail-enabled security groups are Exchange's: Graph lists them and does not change them. Rights that such a group has on mailboxes
      are its members' for as long as they are in it. Graph lists the change some minutes later.
    - Groups to which roles can be assigned need RoleManagement.ReadWrite.Directory: told as fixed, since a role is taken as a role.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from integrations.microsoft365._read import text
from integrations.microsoft365.exchange import Exchange
from integrations.microsoft365.graph import Graph, segment
from integrations.microsoft365.sdk import Sdk, build
from tenantry.capabilities.entitlements import Licence, Membership
from tenantry.errors import Rejected, TargetNotFound, VendorFault

__all__ = ["Microsoft365Entitlements"]

_GROUP: Final = "#microsoft.graph.group"
_WRITE: Final = "GroupMember.ReadWrite.All"
_IS_MEMBER: Final = "MemberAlreadyExistsException"
_NO_MEMBER: Final = "MemberNotFoundException"
_LICENCES: Final = "LicenseAssignment.ReadWrite.All"


class Microsoft365Entitlements:
    """Implements :class:`tenantry.capabilities.Entitlements`."""

    def __init__(self, graph: Graph, exchange: Exchange) -> None:
        self._graph = graph
        self._exchange = exchange

    async def memberships(self, user: str) -> Sequence[Membership]:
        """Direct ones; directory roles are left out."""
        found = []
        path = f"/users/{segment(user)}/memberOf"
        for row in await self._graph.whole(path, params={"$top": "999"}, needs="GroupMember.Read.All", short=True):
            if row.get("@odata.type") == _GROUP:
                found.append(
                    Membership(
                        group_id=text(row.get("id")),
                        name=text(row.get("displayName")) or text(row.get("id")),
                        fixed=_fixed(row),
                        raw=row,
                    )
                )
        return found

    async def remove_membership(self, user_id: str, group_id: str) -> None:
        """Absent counts as removed."""
        address = await self._address_at_exchange(group_id)
        if address:
            await self._at_exchange("Remove-DistributionGroupMember", address, user_id, group_id, there=False)
            return
        prepared = await build(
            self._root,
            lambda sdk: sdk.group(group_id).members.by_directory_object_id(user_id).ref.to_delete_request_information(),
        )
        try:
            await self._graph.send(prepared, needs=_WRITE)
        except TargetNotFound:
            return

    async def add_membership(self, user_id: str, group_id: str) -> None:
        """Who is in it already is refused by the vendor, and then looked up."""
        address = await self._address_at_exchange(group_id)
        if address:
            await self._at_exchange("Add-DistributionGroupMember", address, user_id, group_id, there=True)
            return

        def make(sdk: Sdk) -> Any:
            reference = sdk.reference(f"{self._root}/directoryObjects/{segment(user_id)}")
            return sdk.group(group_id).members.ref.to_post_request_information(reference)

        try:
            await self._graph.send(await build(self._root, make), needs=_WRITE)
        except Rejected:
            if all(one.group_id != group_id for one in await self.memberships(user_id)):
                raise

    async def _address_at_exchange(self, group_id: str) -> str:
        """Its address, by which Exchange knows it; empty: the group is Graph's, or there is none."""
        path = f"/groups/{segment(group_id)}?$select=id,mail,mailEnabled,groupTypes"
        try:
            row = await self._graph.get(path, needs="GroupMember.Read.All")
        except TargetNotFound:
            return ""
        return text(row.get("mail")) if _is_exchanges(row) else ""

    async def _at_exchange(self, cmdlet: str, address: str, user_id: str, group_id: str, *, there: bool) -> None:
        """What was so before is refused by the vendor: it says so, or is looked up at Graph, which knows it later."""
        facts = {"Identity": address, "Member": user_id, "BypassSecurityGroupManagerCheck": True, "Confirm": False}
        try:
            await self._exchange.write(cmdlet, facts)
        except (Rejected, TargetNotFound) as error:
            if error.detail.get("vendor_code") == (_IS_MEMBER if there else _NO_MEMBER):
                return
            if any(one.group_id == group_id for one in await self.memberships(user_id)) is not there:
                raise

    async def licences(self, user: str) -> Sequence[Licence]:
        """Each once, however many ways it comes."""
        path = f"/users/{segment(user)}"
        states, names = await asyncio.gather(
            self._graph.get(f"{path}?$select=id,licenseAssignmentStates", needs="User.Read.All"),
            self._names(f"{path}/licenseDetails"),
        )
        rows = states.get("licenseAssignmentStates")
        if not isinstance(rows, list):
            raise VendorFault("Graph did not tell the account's licences", vendor="microsoft365")
        found: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            found.setdefault(text(row.get("skuId")).lower(), []).append(row)
        return [_licence(sku, ways, names.get(sku, sku)) for sku, ways in found.items()]

    async def remove_licence(self, user_id: str, sku: str) -> None:
        """One that is not there is refused by the vendor, and then looked up."""
        try:
            await self._assign(user_id, add=[], remove=[sku])
        except Rejected:
            if any(one.sku == sku.lower() for one in await self.licences(user_id)):
                raise

    async def add_licence(self, user_id: str, sku: str, disabled_plans: Sequence[str]) -> None:
        """With the same parts switched off. The vendor wants a usage location, which the account then has from before."""
        await self._assign(user_id, add=[(sku, disabled_plans)], remove=[])

    async def _assign(self, user_id: str, *, add: list[tuple[str, Sequence[str]]], remove: list[str]) -> None:
        def make(sdk: Sdk) -> Any:
            given = [
                sdk.model(
                    "assigned_license",
                    "AssignedLicense",
                    sku_id=UUID(sku),
                    disabled_plans=[UUID(plan) for plan in disabled],
                )
                for sku, disabled in add
            ]
            body = sdk.assignment(given, [UUID(sku) for sku in remove])
            return sdk.user(user_id).assign_license.to_post_request_information(body)

        await self._graph.send(await build(self._root, make), needs=_LICENCES)

    async def _names(self, path: str) -> dict[str, str]:
        return {
            text(row.get("skuId")).lower(): text(row.get("skuPartNumber"))
            async for row in self._graph.rows(path, needs="User.Read.All", short=True)
        }

    @property
    def _root(self) -> str:
        return f"{self._graph.base_url}/v1.0"


def _fixed(row: dict[str, Any]) -> str | None:
    kinds = row.get("groupTypes") or ()
    if row.get("onPremisesSyncEnabled") is True:
        return "it is mastered in Active Directory"
    if "DynamicMembership" in kinds:
        return "a rule decides who is in it"
    if row.get("isAssignableToRole") is True:
        return "it carries roles"
    return None


def _is_exchanges(row: dict[str, Any]) -> bool:
    """A distribution list, or a security group with an address."""
    return row.get("mailEnabled") is True and "Unified" not in (row.get("groupTypes") or ())


def _licence(sku: str, ways: list[dict[str, Any]], name: str) -> Licence:
    direct = [row for row in ways if not row.get("assignedByGroup")]
    return Licence(
        sku=sku,
        name=name or sku,
        disabled_plans=tuple(sorted({text(plan) for row in direct for plan in row.get("disabledPlans") or ()})),
        from_groups=() if direct else tuple(sorted(text(row.get("assignedByGroup")) for row in ways)),
        raw={"states": ways},
    )
