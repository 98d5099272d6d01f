"""Ids of application permissions, as a registration's ``requiredResourceAccess`` names them.

They are the same in every tenant and every cloud: learn.microsoft.com/graph/permissions-reference (each permission's table, "Application"),
for Exchange learn.microsoft.com/powershell/exchange/app-only-auth-powershell-v2.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

__all__ = ["EXCHANGE", "GRAPH", "IDS", "names_of", "required_access"]

GRAPH: Final = "00000003-0000-0000-c000-000000000000"
EXCHANGE: Final = "00000002-0000-0ff1-ce00-000000000000"

IDS: Final[dict[str, dict[str, str]]] = {
    GRAPH: {
        "AdministrativeUnit.Read.All": "134fd756-38ce-4afd-ba33-e9623dbe66c2",
        "AppRoleAssignment.ReadWrite.All": "06b708a9-e830-4db3-a914-8e69da51d44f",
        "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
        "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
        "Application.ReadWrite.OwnedBy": "18a4783c-866b-4cc7-a460-3d5e5662c884",
        "AuditLog.Read.All": "b0afded3-3588-46d8-8b3d-9842eff778da",
        "AuditLogsQuery-Exchange.Read.All": "6b0d2622-d34e-4470-935b-b96550e5ca8d",
        "AuditLogsQuery.Read.All": "5e1e9171-754d-478c-812c-f1755a9a4c2d",
        "Calendars.ReadWrite": "ef54d2bf-783f-4e0f-bca1-3210c0444d99",
        "DelegatedAdminRelationship.Read.All": "f6e9e124-4586-492f-adc0-c6f96e4823fd",
        "DelegatedPermissionGrant.ReadWrite.All": "8e8e4742-1d95-4f68-9d56-6ee75648c72a",
        "Device.Read.All": "7438b122-aefc-4978-80ed-43db9fcc7715",
        "Device.ReadWrite.All": "1138cb37-bd11-4084-a2b7-9f71582aeddb",
        "DeviceManagementManagedDevices.PrivilegedOperations.All": "5b07b0dd-2377-4e44-a38d-703f09a0dc3c",
        "DeviceManagementManagedDevices.Read.All": "2f51be20-0bb4-4fed-bf7b-db946066c75e",
        "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
        "Directory.ReadWrite.All": "19dbc75e-c2e2-444c-a770-ec69d8559fc7",
        "Domain.Read.All": "dbb9058a-0e50-45d7-ae91-66909b5d4664",
        "Files.ReadWrite.All": "75359482-378d-4052-8f01-80520e7db3cd",
        "Group.Read.All": "5b567255-7703-4780-807c-7be8301ae99b",
        "GroupMember.Read.All": "98830695-27a2-44f7-8c18-0c3ebc9698f6",
        "GroupMember.ReadWrite.All": "dbaae8cf-10b5-4b86-a4a1-f871c94c6695",
        "IdentityRiskEvent.Read.All": "6e472fd1-ad78-48da-a0f0-97ab2c6b769e",
        "IdentityRiskyUser.Read.All": "dc5007c0-2d7d-4c42-879c-2dab87571379",
        "IdentityRiskyUser.ReadWrite.All": "656f6061-f9fe-4807-9708-6a2e0934df76",
        "LicenseAssignment.ReadWrite.All": "5facf0c1-8979-4e95-abcf-ff3d079771c0",
        "Mail.Read": "810c84a8-4a9e-49e6-bf7d-12d183f40d01",
        "Mail.ReadBasic.All": "693c5e45-0940-467d-9b8a-1022fb9d42ef",
        "Mail.ReadWrite": "e2a3a72e-5f79-4c64-b1b1-878b674786c9",
        "MailboxSettings.Read": "40f97065-369a-49f4-947c-6a255697ae91",
        "MailboxSettings.ReadWrite": "6931bccd-447a-43d1-b442-00a195474933",
        "Organization.Read.All": "498476ce-e0fe-48b0-b801-37ba7e2685c6",
        "Policy.Read.All": "246dd0d5-5bd0-4def-940b-0421030a5b68",
        "RoleAssignmentSchedule.Read.Directory": "d5fe8ce8-684c-4c83-a52c-46e882ce4be1",
        "RoleEligibilitySchedule.Read.Directory": "ff278e11-4a33-4d0c-83d2-d01dc58929a5",
        "RoleManagement.Read.All": "c7fbd983-d9aa-4fa7-84b8-17382c103bc4",
        "RoleManagement.Read.Directory": "483bed4a-2ad3-4361-a73b-c83ccdbdc53c",
        "RoleManagement.ReadWrite.Directory": "9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8",
        "RoleManagementPolicy.Read.Directory": "fdc4c997-9942-4479-bfcb-75a36d1138df",
        "SecurityAlert.Read.All": "472e4a4d-bb4a-4026-98d1-0b0d74cb74a5",
        "SecurityIncident.Read.All": "45cc0394-e837-488b-a098-1918f48d186c",
        "SharePointTenantSettings.Read.All": "83d4163d-a2d8-4d3b-9695-4ae3ca98f888",
        "TeamsTelephoneNumber.ReadWrite.All": "0a42382f-155c-4eb1-9bdc-21548ccaa387",
        "User-PasswordProfile.ReadWrite.All": "cc117bb9-00cf-4eb8-b580-ea2a878fe8f7",
        "User.DeleteRestore.All": "eccc023d-eccf-4e7b-9683-8813ab36cecc",
        "User.EnableDisableAccount.All": "3011c876-62b7-4ada-afa2-506cbbecc68c",
        "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
        "User.ReadWrite.All": "741f803b-c850-494e-b5df-cde7c675a1ca",
        "User.RevokeSessions.All": "77f3a031-c388-4f99-b373-dc68676a979e",
        "UserAuthenticationMethod.Read.All": "38d9df27-64da-44fd-b7c5-a6fbac20248f",
        "UserAuthenticationMethod.ReadWrite.All": "50483e42-d915-4231-9639-7fdb7fd190e5",
    },
    EXCHANGE: {"Exchange.ManageAsApp": "dc50a0fb-09a3-484d-be87-e023b12c6440"},
}
"""Application id of the resource → name of a permission → its id."""


def required_access(names: Iterable[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """``requiredResourceAccess`` for these permissions, and the names among them whose id is not known here."""
    wanted = sorted(set(names))
    known = {name for ids in IDS.values() for name in ids}
    access = [
        {
            "resourceAppId": resource,
            "resourceAccess": [{"id": ids[name], "type": "Role"} for name in wanted if name in ids],
        }
        for resource, ids in IDS.items()
        if any(name in ids for name in wanted)
    ]
    return access, [name for name in wanted if name not in known]


def names_of(access: Iterable[Any]) -> set[str]:
    """The names of the application permissions in a ``requiredResourceAccess``; what is not known here is left out."""
    found = set()
    for entry in access:
        ids = {id: name for name, id in IDS.get(str(entry.get("resourceAppId")), {}).items()}
        found |= {
            ids[one["id"]]
            for one in entry.get("resourceAccess") or ()
            if one.get("type") == "Role" and one.get("id") in ids
        }
    return found
