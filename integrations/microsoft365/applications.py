"""``applications`` for Microsoft 365: service principals and registrations in Entra ID, through Microsoft Graph.

==================== ============================================= =========================================================
method               application permission (least)                page (learn.microsoft.com/graph/api/)
==================== ============================================= =========================================================
find, application,   Application.Read.All                          serviceprincipal-list, -get, -list-approleassignments,
grants, credentials,                                               -list-approleassignedto, -list-oauth2permissiongrants,
owners                                                             -list-owners, application-list
grants (delegated)   Directory.Read.All                            serviceprincipal-list-oauth2permissiongrants
set_enabled          Application.ReadWrite.All                     serviceprincipal-update
remove_grant,        DelegatedPermissionGrant.ReadWrite.All,       oauth2permissiongrant-delete, -post,
add_grant            AppRoleAssignment.ReadWrite.All               serviceprincipal-delete-approleassignments, …
remove_credential    Application.ReadWrite.All                     serviceprincipal-removepassword, application-removepassword,
                                                                   application-update, serviceprincipal-update
sign_ins, events     AuditLog.Read.All (and Entra ID P1)           signin-list (beta), directoryaudit-list
consent_policy       Policy.Read.All                               authorizationpolicy-get
==================== ============================================= =========================================================

Known limits:
    - ``removeKey`` wants a proof of possession of another key, which we do not have: a key goes by writing the others back.
    - Credentials of an application that another organisation registered lie there, out of reach; disabling it here is what helps.
    - Sign-ins of applications are in the vendor's beta endpoint only.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from integrations.microsoft365._read import GUID, address, at, literal, merged, odata_time, text, when
from integrations.microsoft365.graph import Graph, segment
from integrations.microsoft365.sdk import Prepared
from tenantry.capabilities import (
    Application,
    ApplicationCredential,
    ApplicationGrant,
    ConsentPolicy,
    DirectoryEvent,
    Owner,
    SignIn,
)
from tenantry.errors import PermissionMissing, TargetNotFound

__all__ = ["MICROSOFT", "Microsoft365Applications", "credentials_of"]

MICROSOFT: Final = frozenset(
    {
        "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
        "72f988bf-86f1-41af-91ab-2d7cd011db47",
        "cdc5aeea-15c5-4db6-b079-fcadd2505dc2",
    }
)
"""Tenants in which Microsoft registers its own applications (learn.microsoft.com/troubleshoot/entra/entra-id/governance/
verify-first-party-apps-sign-in)."""
_NO_ROLE: Final = "00000000-0000-0000-0000-000000000000"
_READ: Final = "Application.Read.All"
_WRITE: Final = "Application.ReadWrite.All"
_GRANTS: Final = "DelegatedPermissionGrant.ReadWrite.All"
_ROLES: Final = "AppRoleAssignment.ReadWrite.All"
_LOGS: Final = "AuditLog.Read.All"
_CREDENTIALS: Final[tuple[tuple[str, Literal["password", "key"]], ...]] = (
    ("passwordCredentials", "password"),
    ("keyCredentials", "key"),
)
_KEY: Final = ("customKeyIdentifier", "displayName", "endDateTime", "keyId", "startDateTime", "type", "usage")


class Microsoft365Applications:
    """Implements :class:`tenantry.capabilities.Applications`.

    Args:
        graph: the tenant's Graph.
        tenant_id: the directory's id.
        client_id: the application that we sign in as.
    """

    def __init__(self, graph: Graph, tenant_id: str, client_id: str) -> None:
        self._graph = graph
        self.tenant_id = tenant_id.lower()
        self._client_id = client_id.lower()

    # --- what there is ------------------------------------------------------------------------------------------------

    async def find(self, name: str) -> Sequence[Application]:
        """By object id (of the registration too), client id or display name."""
        if GUID.fullmatch(name):
            found = await self._listed(f"appId eq {literal(name.lower())}")
            if found:
                return found
            for path in (f"/servicePrincipals/{segment(name)}", f"/applications/{segment(name)}"):
                try:
                    row = await self._graph.get(path, needs=_READ)
                except TargetNotFound:
                    continue
                return await self._listed(f"appId eq {literal(text(row.get('appId')))}")
            return []
        return await self._listed(f"displayName eq {literal(name)}")

    async def application(self, application: str) -> Application:
        """One, by object id. Raises TargetNotFound."""
        return self.read(await self._graph.get(f"/servicePrincipals/{segment(application)}", needs=_READ))

    async def set_enabled(self, application: str, enabled: bool) -> None:
        """Let it get tokens, or not."""
        await self._send("PATCH", f"/servicePrincipals/{segment(application)}", {"accountEnabled": enabled}, _WRITE)

    # --- what it may --------------------------------------------------------------------------------------------------

    async def grants(self, application: str) -> Sequence[ApplicationGrant]:
        """Delegated grants, application roles it holds, accounts and groups assigned to it."""
        path = f"/servicePrincipals/{segment(application)}"
        delegated, roles, assigned = await asyncio.gather(
            self._all(f"{path}/oauth2PermissionGrants", "Directory.Read.All"),
            self._all(f"{path}/appRoleAssignments", _READ),
            self._all(f"{path}/appRoleAssignedTo", _READ),
        )
        wanted = {text(row.get("resourceId")) for row in (*delegated, *roles)}
        resources = dict(await asyncio.gather(*(self._resource(one) for one in sorted(wanted))))
        return [
            *(_delegated(row, application, resources) for row in delegated),
            *(_role(row, application, resources) for row in roles),
            *(_assignment(row, application) for row in assigned if row.get("principalType") != "ServicePrincipal"),
        ]

    async def remove_grant(self, grant: ApplicationGrant) -> None:
        """Take it back; absent counts as removed."""
        application = segment(grant.application_id)
        path, needs = {
            "delegated": (f"/oauth2PermissionGrants/{segment(grant.id)}", _GRANTS),
            "role": (f"/servicePrincipals/{application}/appRoleAssignments/{segment(grant.id)}", _ROLES),
            "assignment": (f"/servicePrincipals/{application}/appRoleAssignedTo/{segment(grant.id)}", _ROLES),
        }[grant.kind]
        try:
            await self._send("DELETE", path, None, needs)
        except TargetNotFound:
            return

    async def add_grant(self, grant: ApplicationGrant) -> None:
        """Grant the same again, from the recorded ``raw``."""
        raw = grant.raw
        names: tuple[str, ...]
        if grant.kind == "delegated":
            names = ("clientId", "consentType", "principalId", "resourceId", "scope")
            path, needs = "/oauth2PermissionGrants", _GRANTS
        else:
            names = ("principalId", "resourceId", "appRoleId")
            side = "appRoleAssignments" if grant.kind == "role" else "appRoleAssignedTo"
            path, needs = f"/servicePrincipals/{segment(grant.application_id)}/{side}", _ROLES
        await self._send("POST", path, {name: raw[name] for name in names if raw.get(name) is not None}, needs)

    # --- who can be it ------------------------------------------------------------------------------------------------

    async def credentials(self, application: str) -> Sequence[ApplicationCredential]:
        """Of the service principal, and of the registration where that is in this tenant."""
        row = await self._graph.get(f"/servicePrincipals/{segment(application)}", needs=_READ)
        found = credentials_of(row, "principal", application)
        registration = await self._registration(text(row.get("appId")))
        if registration is not None:
            found += credentials_of(registration, "registration", application)
        return found

    async def remove_credential(self, credential: ApplicationCredential) -> None:
        """Remove one password or key; absent counts as removed, the others stay."""
        kind = "servicePrincipals" if credential.holder == "principal" else "applications"
        path = f"/{kind}/{segment(credential.holder_id)}"
        try:
            if credential.kind == "password":
                row = await self._graph.get(path, needs=_READ)
                if any(text(one.get("keyId")) == credential.id for one in row.get("passwordCredentials") or ()):
                    await self._send("POST", f"{path}/removePassword", {"keyId": credential.id}, _WRITE)
                return
            row = await self._graph.get(path, needs=_READ)
            keys = [one for one in row.get("keyCredentials") or () if isinstance(one, dict)]
            kept = [{name: one.get(name) for name in _KEY} for one in keys if text(one.get("keyId")) != credential.id]
            if len(kept) < len(keys):
                await self._send("PATCH", path, {"keyCredentials": kept}, _WRITE)
        except TargetNotFound:
            return

    async def owners(self, application: str) -> Sequence[Owner]:
        """Of the service principal, and of the registration where that is in this tenant; each once."""
        row = await self._graph.get(f"/servicePrincipals/{segment(application)}", needs=_READ)
        paths = [f"/servicePrincipals/{segment(application)}/owners"]
        registration = await self._registration(text(row.get("appId")))
        if registration is not None:
            paths.append(f"/applications/{segment(text(registration.get('id')))}/owners")
        found = {}
        for path in paths:
            for owner in await self._all(path, _READ):
                name = text(owner.get("userPrincipalName") or owner.get("displayName"))
                found[text(owner.get("id"))] = Owner(id=text(owner.get("id")), name=name)
        return list(found.values())

    # --- what it did --------------------------------------------------------------------------------------------------

    async def sign_ins(self, application: str, since: datetime, until: datetime) -> AsyncIterator[SignIn]:
        """As itself, newest first."""
        chosen = (
            f"{_span('createdDateTime', since, until)} and servicePrincipalId eq {literal(application)} "
            "and signInEventTypes/any(t:t eq 'servicePrincipal')"
        )
        params = {"$filter": chosen, "$top": "1000"}
        async for row in self._graph.rows("/auditLogs/signIns", params=params, version="beta", needs=_LOGS):
            yield _sign_in(row)

    async def events(self, application: str, since: datetime, until: datetime) -> AsyncIterator[DirectoryEvent]:
        """What it did and what was done to it, newest first."""
        row = await self._graph.get(f"/servicePrincipals/{segment(application)}", needs=_READ)
        span = _span("activityDateTime", since, until)
        by = f"{span} and initiatedBy/app/appId eq {literal(text(row.get('appId')))}"
        about = f"{span} and targetResources/any(t:t/id eq {literal(application)})"
        streams = [
            self._graph.rows("/auditLogs/directoryAudits", params={"$filter": chosen, "$top": "1000"}, needs=_LOGS)
            for chosen in (by, about)
        ]
        async for found in merged(
            streams, lambda row: at(row.get("activityDateTime")), lambda row: text(row.get("id"))
        ):
            yield _event(found)

    async def consent_policy(self) -> ConsentPolicy:
        """Whether users may consent to applications by themselves."""
        row = await self._graph.get("/policies/authorizationPolicy", needs="Policy.Read.All")
        rights = row.get("defaultUserRolePermissions")
        policies = rights.get("permissionGrantPoliciesAssigned") if isinstance(rights, dict) else None
        names = tuple(text(name) for name in policies or ())
        return ConsentPolicy(
            users_may_consent=any(name.startswith("ManagePermissionGrantsForSelf.") for name in names),
            policies=names,
            raw=row,
        )

    # --- helpers ------------------------------------------------------------------------------------------------------

    async def _listed(self, chosen: str) -> list[Application]:
        rows = await self._graph.whole("/servicePrincipals", params={"$filter": chosen, "$top": "100"}, needs=_READ)
        return [self.read(row) for row in rows]

    async def _registration(self, app_id: str) -> dict[str, Any] | None:
        params = {"$filter": f"appId eq {literal(app_id)}"}
        async for row in self._graph.rows("/applications", params=params, needs=_READ):
            return row
        return None

    async def _resource(self, resource: str) -> tuple[str, dict[str, Any]]:
        params = {"$select": "id,appId,displayName,appRoles"}
        try:
            return resource, await self._graph.get(
                f"/servicePrincipals/{segment(resource)}", params=params, needs=_READ
            )
        except TargetNotFound:  # gone since; its grants lie about
            return resource, {}

    async def _all(self, path: str, needs: str) -> list[dict[str, Any]]:
        return await self._graph.whole(path, params={"$top": "999"}, needs=needs)

    async def _send(self, method: str, path: str, body: Any, needs: str) -> None:
        """A write with a body as small as these is built by hand: what the SDK needs to build it takes a second to import."""
        content = None if body is None else json.dumps(body).encode()
        headers = {} if content is None else {"Content-Type": "application/json"}
        await self._graph.send(Prepared(method, f"{self._graph.base_url}/v1.0{path}", headers, content), needs=needs)

    def read(self, row: dict[str, Any]) -> Application:
        """A service principal's row. Raises PermissionMissing: it does not say whether it is enabled."""
        owner = text(row.get("appOwnerOrganizationId")).lower()
        publisher = row.get("verifiedPublisher")
        publisher = publisher if isinstance(publisher, dict) else {}
        enabled = row.get("accountEnabled")
        if not isinstance(enabled, bool):
            raise PermissionMissing(
                f"Graph does not tell whether an application is enabled; it needs {_READ}", needs=_READ
            )
        return Application(
            id=text(row.get("id")),
            app_id=text(row.get("appId")),
            name=text(row.get("displayName")),
            enabled=enabled,
            verified=bool(publisher.get("verifiedPublisherId")),
            publisher=text(publisher.get("displayName")),
            own=owner == self.tenant_id,
            first_party=owner in MICROSOFT,
            ours=text(row.get("appId")).lower() == self._client_id,
            raw=row,
        )


def _span(name: str, since: datetime, until: datetime) -> str:
    return f"{name} ge {odata_time(since)} and {name} le {odata_time(until)}"


def _delegated(row: dict[str, Any], application: str, resources: dict[str, dict[str, Any]]) -> ApplicationGrant:
    return ApplicationGrant(
        id=text(row.get("id")),
        kind="delegated",
        application_id=application,
        account_id=text(row.get("principalId")) or None if row.get("consentType") == "Principal" else None,
        resource_id=text(row.get("resourceId")),
        resource=text(resources.get(text(row.get("resourceId")), {}).get("displayName")),
        scope=" ".join(text(row.get("scope")).split()),
        created_at=None,
        raw=row,
    )


def _role(row: dict[str, Any], application: str, resources: dict[str, dict[str, Any]]) -> ApplicationGrant:
    resource = resources.get(text(row.get("resourceId")), {})
    wanted = text(row.get("appRoleId"))
    roles = (role for role in resource.get("appRoles") or () if isinstance(role, dict))
    name = next((text(role.get("value")) for role in roles if role.get("id") == wanted), wanted)
    return ApplicationGrant(
        id=text(row.get("id")),
        kind="role",
        application_id=application,
        account_id=None,
        resource_id=text(row.get("resourceId")),
        resource=text(resource.get("displayName") or row.get("resourceDisplayName")),
        scope=name,
        created_at=when(row.get("createdDateTime")),
        raw=row,
    )


def _assignment(row: dict[str, Any], application: str) -> ApplicationGrant:
    role = text(row.get("appRoleId"))
    return ApplicationGrant(
        id=text(row.get("id")),
        kind="assignment",
        application_id=application,
        account_id=text(row.get("principalId")) or None,
        resource_id=text(row.get("resourceId")),
        resource=text(row.get("resourceDisplayName")),
        scope="" if role == _NO_ROLE else role,
        created_at=when(row.get("createdDateTime")),
        raw=row,
    )


def credentials_of(row: dict[str, Any], holder: Any, application: str) -> list[ApplicationCredential]:
    """Passwords and keys in a row of a service principal or registration."""
    found = []
    for name, kind in _CREDENTIALS:
        for one in row.get(name) or ():
            label = text(one.get("displayName")) or text(one.get("hint")) or text(one.get("keyId"))[:8]
            found.append(
                ApplicationCredential(
                    id=text(one.get("keyId")),
                    kind=kind,
                    holder=holder,
                    holder_id=text(row.get("id")),
                    application_id=application,
                    label=label,
                    begins_at=when(one.get("startDateTime")),
                    ends_at=when(one.get("endDateTime")),
                    raw={key: value for key, value in one.items() if key not in ("secretText", "key")},
                )
            )
    return found


def _sign_in(row: dict[str, Any]) -> SignIn:
    place = row.get("location") or {}
    code = (row.get("status") or {}).get("errorCode")
    return SignIn.model_construct(
        id=text(row.get("id")),
        at=at(row.get("createdDateTime")),
        user_id=text(row.get("servicePrincipalId")),
        upn=text(row.get("servicePrincipalName")),
        ip=address(row.get("ipAddress")),
        country=text(place.get("countryOrRegion")),
        city=text(place.get("city")),
        app=text(row.get("resourceDisplayName") or row.get("appDisplayName")),
        client=text(row.get("clientAppUsed")),
        user_agent=text(row.get("userAgent")),
        success=code == 0,
        error_code=code if isinstance(code, int) else -1,
        interactive=False,
        raw=row,
    )


def _event(row: dict[str, Any]) -> DirectoryEvent:
    by = row.get("initiatedBy") or {}
    user, app = by.get("user") or {}, by.get("app") or {}
    targets = row.get("targetResources") or ()
    return DirectoryEvent.model_construct(
        id=text(row.get("id")),
        at=at(row.get("activityDateTime")),
        activity=text(row.get("activityDisplayName")),
        actor_upn=text(user.get("userPrincipalName") or app.get("displayName")).lower(),
        actor_ip=address(user.get("ipAddress")),
        target_ids=tuple(text(target.get("id")) for target in targets if isinstance(target, dict) and target.get("id")),
        raw=row,
    )
