"""``application_inventory`` for Microsoft 365: every application that the tenant knows, through Microsoft Graph. Reads only.

P: service principals, R: registrations, G: delegated grants.

============ ================================================================================= ===============================
method       page (learn.microsoft.com/graph/api/)                                             requests
============ ================================================================================= ===============================
applications serviceprincipal-list, application-list (both with owners),                       P / 999 + R / 999 + R / 20
             serviceprincipal-list-approleassignedto of the services whose permissions matter, + 1 + services / 20
             application-list-federatedidentitycredentials
grants       oauth2permissiongrant-list, serviceprincipal-list                                 P / 999 + G / 999
============ ================================================================================= ===============================

Permissions: Application.Read.All; for grants Directory.Read.All.

Known limits:
    - Permissions are read from the side of the services that offer them (Graph, Exchange, SharePoint, the old directory API): that is
      one list for each instead of one for each application. Permissions over other services are not looked at.
    - With an application at most 20 owners are listed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from integrations.microsoft365._read import text, when
from integrations.microsoft365.applications import MICROSOFT, Microsoft365Applications, credentials_of
from integrations.microsoft365.gathering import BATCH_SIZE
from integrations.microsoft365.graph import Graph, segment
from tenantry.capabilities import (
    Application,
    ApplicationCredential,
    ApplicationOwner,
    FederatedCredential,
    GivenPermission,
    InventoriedApplication,
    InventoriedGrant,
)

__all__ = ["Microsoft365ApplicationInventory"]

_READ: Final = "Application.Read.All"
_SERVICES: Final = (
    "00000003-0000-0000-c000-000000000000",
    "00000002-0000-0ff1-ce00-000000000000",
    "00000003-0000-0ff1-ce00-000000000000",
    "00000002-0000-0000-c000-000000000000",
)
"""Graph, Exchange Online, SharePoint Online, Azure AD Graph (learn.microsoft.com/troubleshoot/entra/entra-id/governance/
verify-first-party-apps-sign-in)."""
_PRINCIPAL: Final = (
    "id,appId,displayName,accountEnabled,appOwnerOrganizationId,verifiedPublisher,servicePrincipalType,passwordCredentials,keyCredentials,"
    "replyUrls"
)
_REGISTRATION: Final = (
    "id,appId,displayName,createdDateTime,passwordCredentials,keyCredentials,identifierUris,web,spa,publicClient"
)


class Microsoft365ApplicationInventory:
    """Implements :class:`tenantry.capabilities.ApplicationInventory`.

    Args:
        graph: the tenant's Graph.
        single: the same tenant's ``applications``, which reads what an application is.
    """

    def __init__(self, graph: Graph, single: Microsoft365Applications) -> None:
        self._graph = graph
        self._single = single

    async def applications(self) -> AsyncIterator[InventoriedApplication]:
        """Every service principal, with its registration where that is in this tenant; then registrations without one. What is kept in
        memory are the tenant's own registrations and the permissions that were given."""
        permissions, registrations = await asyncio.gather(self._permissions(), self._registrations())
        federated = await self._federated(list(registrations.values()))
        params = {"$select": _PRINCIPAL, "$expand": "owners", "$top": "999"}
        async for row in self._graph.rows("/servicePrincipals", params=params, needs=_READ):
            registration = registrations.pop(text(row.get("appId")).lower(), None)
            application = self._single.read(row)
            found = credentials_of(row, "principal", application.id)
            if registration is not None:
                found += credentials_of(registration, "registration", application.id)
            yield _whole(
                application,
                row,
                registration,
                found,
                federated.get(text((registration or {}).get("id")), ()),
                tuple(permissions.get(application.id, ())),
            )
        for registration in registrations.values():
            application = self._single.read(
                {**registration, "accountEnabled": False, "appOwnerOrganizationId": self._single.tenant_id}
            )
            found = credentials_of(registration, "registration", application.id)
            yield _whole(application, {}, registration, found, federated.get(application.id, ()), ())

    async def grants(self) -> AsyncIterator[InventoriedGrant]:
        """Every delegated grant. The names of applications are kept in memory, the grants are not."""
        params = {"$select": "id,appId,displayName,appOwnerOrganizationId,verifiedPublisher", "$top": "999"}
        known = {
            text(row.get("id")): (
                text(row.get("appId")).lower(),
                text(row.get("displayName")),
                bool((row.get("verifiedPublisher") or {}).get("verifiedPublisherId")),
                text(row.get("appOwnerOrganizationId")).lower(),
            )
            async for row in self._graph.rows("/servicePrincipals", params=params, needs=_READ)
        }
        path = "/oauth2PermissionGrants"
        async for row in self._graph.rows(path, params={"$top": "999"}, needs="Directory.Read.All"):
            client = text(row.get("clientId"))
            app_id, name, verified, owner = known.get(client, ("", client, False, ""))
            yield InventoriedGrant(
                id=text(row.get("id")),
                application_id=client,
                app_id=app_id,
                application=name,
                verified=verified,
                first_party=owner in MICROSOFT,
                own=owner == self._single.tenant_id,
                account_id=(text(row.get("principalId")) or None) if row.get("consentType") == "Principal" else None,
                scopes=tuple(text(row.get("scope")).split()),
                raw=row,
            )

    # --- parts --------------------------------------------------------------------------------------------------------

    async def _permissions(self) -> Mapping[str, list[GivenPermission]]:
        """Object id of a service principal → what it may do as itself."""
        listed = ",".join(f"'{one}'" for one in _SERVICES)
        params = {"$filter": f"appId in ({listed})", "$select": "id,appId,displayName,appRoles"}
        services = [row async for row in self._graph.rows("/servicePrincipals", params=params, needs=_READ)]
        found: defaultdict[str, list[GivenPermission]] = defaultdict(list)
        for service, given in zip(services, await asyncio.gather(*map(self._given_by, services)), strict=True):
            names = {text(role.get("id")): text(role.get("value")) for role in service.get("appRoles") or ()}
            for row in given:
                role = text(row.get("appRoleId"))
                found[text(row.get("principalId"))].append(
                    GivenPermission(
                        name=names.get(role) or role,
                        resource=text(service.get("displayName")),
                        since=when(row.get("createdDateTime")),
                    )
                )
        return found

    async def _given_by(self, service: Mapping[str, Any]) -> list[dict[str, Any]]:
        path = f"/servicePrincipals/{segment(text(service.get('id')))}/appRoleAssignedTo"
        return [row async for row in self._graph.rows(path, params={"$top": "999"}, needs=_READ, short=True)]

    async def _registrations(self) -> dict[str, dict[str, Any]]:
        params = {"$select": _REGISTRATION, "$expand": "owners", "$top": "999"}
        rows = self._graph.rows("/applications", params=params, needs=_READ)
        return {text(row.get("appId")).lower(): row async for row in rows}

    async def _federated(self, registrations: list[dict[str, Any]]) -> dict[str, tuple[FederatedCredential, ...]]:
        found: dict[str, tuple[FederatedCredential, ...]] = {}
        for at in range(0, len(registrations), BATCH_SIZE * 8):
            part = [text(row.get("id")) for row in registrations[at : at + BATCH_SIZE * 8]]
            found.update(zip(part, await asyncio.gather(*map(self._federated_with, part)), strict=True))
        return found

    async def _federated_with(self, registration: str) -> tuple[FederatedCredential, ...]:
        path = f"/applications/{segment(registration)}/federatedIdentityCredentials"
        return tuple(
            [
                FederatedCredential(
                    id=text(row.get("id")),
                    name=text(row.get("name")),
                    issuer=text(row.get("issuer")),
                    subject=text(row.get("subject")),
                    raw=row,
                )
                async for row in self._graph.rows(path, needs=_READ, short=True)
            ]
        )


def _whole(
    application: Application,
    principal: Mapping[str, Any],
    registration: Mapping[str, Any] | None,
    credentials: list[ApplicationCredential],
    federated: tuple[FederatedCredential, ...],
    permissions: tuple[GivenPermission, ...],
) -> InventoriedApplication:
    own = registration or {}
    owners = {
        text(one.get("id")): _owner(one)
        for row in (principal, own)
        for one in row.get("owners") or ()
        if isinstance(one, Mapping)
    }
    addresses = [text(one) for one in principal.get("replyUrls") or ()]
    for place in ("web", "spa", "publicClient"):
        addresses += [text(one) for one in (own.get(place) or {}).get("redirectUris") or ()]
    return InventoriedApplication(
        application=application,
        created_at=when(own.get("createdDateTime")),
        credentials=tuple(credentials),
        federated=federated,
        permissions=permissions,
        owners=tuple(owners.values()),
        addresses=tuple(dict.fromkeys(addresses)),
    )


def _owner(row: Mapping[str, Any]) -> ApplicationOwner:
    name = text(row.get("userPrincipalName") or row.get("displayName"))
    guest = row.get("userType") == "Guest" or "#ext#" in name.lower()
    return ApplicationOwner(id=text(row.get("id")), name=name.lower(), guest=guest)
