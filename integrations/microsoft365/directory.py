"""``directory`` for Microsoft 365: Entra ID as a whole, through Microsoft Graph. Reads only.

================ ============================================== =================================================== ===================
method           application permission (least)                 page (learn.microsoft.com/graph/api/)               requests
================ ============================================== =================================================== ===================
role_holdings    RoleManagement.Read.Directory,                 rbacapplication-list-roledefinitions,               4, and further pages
                 RoleAssignmentSchedule.Read.Directory,         -list-roleassignments,
                 RoleEligibilitySchedule.Read.Directory         -list-roleassignmentscheduleinstances,
                                                                -list-roleeligibilityscheduleinstances
policies,        Policy.Read.All                                conditionalaccessroot-list-policies,                1 each
locations                                                       -list-namedlocations
domains          Domain.Read.All                                domain-list, domain-list-federationconfiguration    1 + federated / 20
units            AdministrativeUnit.Read.All                    directory-list-administrativeunits                  1
devices          Device.Read.All                                device-list                                         devices / 999
guests           User.Read.All                                  user-list                                           guests / 999
partners         Policy.Read.All,                               crosstenantaccesspolicy-list-partners,              2
                 DelegatedAdminRelationship.Read.All            tenantrelationship-list-delegatedadminrelationships
registrations    AuditLog.Read.All                              authenticationmethodsroot-list-userregistrationdetails accounts / 999
risks            IdentityRiskEvent.Read.All                     riskdetection-list                                  detections / 500
methods_of       UserAuthenticationMethod.Read.All              authentication-list-methods                         accounts / 20
================ ============================================== =================================================== ===================

Known limits:
    - Without Microsoft Entra ID P2 nothing says when a role was given, and there are no risk detections.
    - A federation has no date; the certificate that its tokens are signed with has.
    - Which partner a delegated relationship is with stands in the second half of its id.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from cryptography import x509

from integrations.microsoft365._read import odata_time, text, when
from integrations.microsoft365.applications import MICROSOFT
from integrations.microsoft365.graph import Graph, segment
from integrations.microsoft365.identity import device_of, method_of
from integrations.microsoft365.roles import PRIVILEGED
from tenantry.capabilities import (
    AccessPolicy,
    AccountUse,
    AdministrativeUnit,
    AuthMethod,
    Device,
    DirectoryDomain,
    Guest,
    NamedLocation,
    PartnerRelation,
    Registration,
    RiskDetection,
    RoleHolding,
)
from tenantry.errors import PermissionMissing, TargetNotFound

__all__ = ["Microsoft365Directory"]

_ROLES: Final = "/roleManagement/directory"
_ROLES_READ: Final = "RoleManagement.Read.Directory"
_POLICIES: Final = "Policy.Read.All"
_DEMANDS: Final = frozenset({"mfa", "block", "compliantDevice", "domainJoinedDevice", "passwordChange"})
_ALIVE: Final = frozenset({"active", "activating", "approved", "expiring"})
_DEVICE: Final = (
    "id,deviceId,displayName,accountEnabled,operatingSystem,operatingSystemVersion,registrationDateTime,trustType,isManaged,isCompliant,"
    "profileType,approximateLastSignInDateTime,onPremisesSyncEnabled"
)
_USE: Final = "id,userPrincipalName,accountEnabled,userType,createdDateTime,signInActivity"
_SIGNED_IN: Final = ("lastSignInDateTime", "lastNonInteractiveSignInDateTime", "lastSuccessfulSignInDateTime")
_GUEST: Final = "id,userPrincipalName,userType,createdDateTime,externalUserState,creationType"


class Microsoft365Directory:
    """Implements :class:`tenantry.capabilities.Directory`."""

    def __init__(self, graph: Graph, tenant_id: str) -> None:
        self._graph = graph
        self._tenant_id = tenant_id.lower()

    # --- roles --------------------------------------------------------------------------------------------------------

    async def role_holdings(self) -> AsyncIterator[RoleHolding]:
        """Roles that are held, with the dates that Privileged Identity Management knows, and those that may be activated.

        Raises:
            PermissionMissing: at the end, where dates or roles that may be activated could not be read.
        """
        definitions, instances, eligible = await asyncio.gather(
            self._definitions(),
            self._of_pim("roleAssignmentScheduleInstances", "RoleAssignmentSchedule.Read.Directory"),
            self._of_pim("roleEligibilityScheduleInstances", "RoleEligibilitySchedule.Read.Directory"),
        )
        known = not isinstance(instances, PermissionMissing)
        dates = {text(row.get("roleAssignmentOriginId")): row for row in _rows(instances)}
        path, params = f"{_ROLES}/roleAssignments", {"$expand": "principal"}
        async for row in self._graph.rows(path, params=params, needs=_ROLES_READ):
            dated = dates.get(text(row.get("id")), {})
            how: Literal["assigned", "activated"] = (
                "activated" if text(dated.get("assignmentType")) == "Activated" else "assigned"
            )
            yield _holding(row, definitions, how, when(dated.get("startDateTime")), known)
        for row in _rows(eligible):
            yield _holding(row, definitions, "eligible", when(row.get("startDateTime")), True)
        for lacking in (instances, eligible):
            if isinstance(lacking, PermissionMissing) and "needs" in lacking.detail:
                raise lacking  # a licence that the tenant has not hides nothing, a permission that we have not does

    async def _definitions(self) -> dict[str, dict[str, Any]]:
        params = {"$select": "id,displayName,templateId"}
        rows = self._graph.rows(f"{_ROLES}/roleDefinitions", params=params, needs=_ROLES_READ, short=True)
        return {text(row.get("id")): row async for row in rows}

    async def _of_pim(self, kind: str, needs: str) -> list[dict[str, Any]] | PermissionMissing:
        """Or why not: the tenant has no licence for it, or we no permission."""
        try:
            rows = self._graph.rows(f"{_ROLES}/{kind}", params={"$expand": "principal"}, needs=needs, short=True)
            return [row async for row in rows]
        except PermissionMissing as error:
            return error

    # --- policies -----------------------------------------------------------------------------------------------------

    async def policies(self) -> AsyncIterator[AccessPolicy]:
        """Every rule of Conditional Access."""
        async for row in self._graph.rows("/identity/conditionalAccess/policies", needs=_POLICIES):
            users = _inner(row, "conditions", "users")
            grant = _inner(row, "grantControls")
            controls = {text(one) for one in grant.get("builtInControls") or ()}
            yield AccessPolicy(
                id=text(row.get("id")),
                name=text(row.get("displayName")),
                enforced=row.get("state") == "enabled",
                reporting=row.get("state") == "enabledForReportingButNotEnforced",
                demands=bool(controls & _DEMANDS) or bool(grant.get("authenticationStrength")),
                everybody="All" in (users.get("includeUsers") or ()),
                excluded=tuple(text(one).lower() for one in users.get("excludeUsers") or ()),
                created_at=when(row.get("createdDateTime")),
                changed_at=when(row.get("modifiedDateTime")),
                raw=row,
            )

    async def locations(self) -> AsyncIterator[NamedLocation]:
        """Every named location."""
        async for row in self._graph.rows("/identity/conditionalAccess/namedLocations", needs=_POLICIES):
            ranges = [one for one in row.get("ipRanges") or () if isinstance(one, Mapping)]
            yield NamedLocation(
                id=text(row.get("id")),
                name=text(row.get("displayName")),
                trusted=row.get("isTrusted") is True,
                networks=tuple(text(one.get("cidrAddress")) for one in ranges if one.get("cidrAddress")),
                created_at=when(row.get("createdDateTime")),
                changed_at=when(row.get("modifiedDateTime")),
                raw=row,
            )

    async def domains(self) -> AsyncIterator[DirectoryDomain]:
        """Every domain, federated ones with whom they trust."""
        rows = [row async for row in self._graph.rows("/domains", needs="Domain.Read.All")]
        federated = [text(row.get("id")) for row in rows if text(row.get("authenticationType")) == "Federated"]
        found = dict(zip(federated, await asyncio.gather(*map(self._federation, federated)), strict=True))
        for row in rows:
            name = text(row.get("id"))
            trust = found.get(name, {})
            yield DirectoryDomain(
                name=name.lower(),
                verified=row.get("isVerified") is True,
                federated=name in found,
                issuer=text(trust.get("issuerUri")),
                sign_in_host=(urlsplit(text(trust.get("passiveSignInUri"))).hostname or "").lower(),
                certificate_since=_certificate_since(trust.get("signingCertificate")),
                raw={**row, **({"federationConfiguration": trust} if trust else {})},
            )

    async def _federation(self, domain: str) -> dict[str, Any]:
        path = f"/domains/{segment(domain)}/federationConfiguration"
        async for row in self._graph.rows(path, needs="Domain.Read.All", short=True):
            return row
        return {}

    async def units(self) -> AsyncIterator[AdministrativeUnit]:
        """Every administrative unit."""
        params = {"$select": "id,displayName,visibility,isMemberManagementRestricted"}
        path = "/directory/administrativeUnits"
        async for row in self._graph.rows(path, params=params, needs="AdministrativeUnit.Read.All"):
            yield AdministrativeUnit(
                id=text(row.get("id")),
                name=text(row.get("displayName")),
                hidden=text(row.get("visibility")).lower() == "hiddenmembership",
                restricted=row.get("isMemberManagementRestricted") is True,
                raw=row,
            )

    # --- what is in it ------------------------------------------------------------------------------------------------

    async def devices(self) -> AsyncIterator[Device]:
        """Every device, 999 to a page."""
        async for row in self._graph.rows(
            "/devices", params={"$select": _DEVICE, "$top": "999"}, needs="Device.Read.All"
        ):
            yield device_of(row)

    async def guests(self) -> AsyncIterator[Guest]:
        """Accounts that were invited, 999 to a page."""
        params = {"$filter": "creationType eq 'Invitation'", "$select": _GUEST, "$top": "999"}
        async for row in self._graph.rows("/users", params=params, needs="User.Read.All"):
            yield Guest(
                id=text(row.get("id")),
                upn=text(row.get("userPrincipalName")).lower(),
                member=text(row.get("userType")) == "Member",
                invited_at=when(row.get("createdDateTime")),
                accepted=text(row.get("externalUserState")) == "Accepted",
                raw=row,
            )

    async def account_uses(self) -> AsyncIterator[AccountUse]:
        """Every account with its last sign-ins; with these Graph gives 500 to a page, and none to a directory without Entra ID P1."""
        params = {"$select": _USE, "$top": "500"}
        async for row in self._graph.rows("/users", params=params, needs="AuditLog.Read.All"):
            signed_in = _inner(row, "signInActivity")
            times = [when(signed_in.get(name)) for name in _SIGNED_IN]
            yield AccountUse(
                id=text(row.get("id")),
                upn=text(row.get("userPrincipalName")).lower(),
                enabled=row.get("accountEnabled") is True,
                guest=text(row.get("userType")) == "Guest",
                created_at=when(row.get("createdDateTime")),
                used_at=max((at for at in times if at is not None), default=None),
                raw=row,
            )

    async def partners(self) -> AsyncIterator[PartnerRelation]:
        """Tenants that this one knows as service providers or trusts, and those that administer it."""
        async for row in self._graph.rows("/policies/crossTenantAccessPolicy/partners", needs=_POLICIES):
            trust = _inner(row, "inboundTrust")
            trusted = any(trust.get(name) is True for name in ("isMfaAccepted", "isCompliantDeviceAccepted"))
            if row.get("isServiceProvider") is True or trusted:
                yield PartnerRelation(
                    tenant_id=text(row.get("tenantId")).lower(),
                    name=text(row.get("tenantId")),
                    kind="service_provider" if row.get("isServiceProvider") is True else "trusted",
                    active=True,
                    since=None,
                    raw=row,
                )
        needs = "DelegatedAdminRelationship.Read.All"
        async for row in self._graph.rows("/tenantRelationships/delegatedAdminRelationships", needs=needs):
            if text(_inner(row, "customer").get("tenantId")).lower() != self._tenant_id:
                continue  # in a partner's own tenant these are its customers
            yield PartnerRelation(
                tenant_id=text(row.get("id"))[37:].lower(),
                name=text(row.get("displayName")),
                kind="administers",
                active=text(row.get("status")) in _ALIVE,
                since=when(row.get("activatedDateTime")),
                roles=tuple(
                    sorted(
                        text(one.get("roleDefinitionId"))
                        for one in _inner(row, "accessDetails").get("unifiedRoles") or ()
                    )
                ),
                raw=row,
            )

    # --- accounts -----------------------------------------------------------------------------------------------------

    async def registrations(self) -> AsyncIterator[Registration]:
        """What every account has registered."""
        path = "/reports/authenticationMethods/userRegistrationDetails"
        async for row in self._graph.rows(path, params={"$top": "999"}, needs="AuditLog.Read.All"):
            yield Registration.model_construct(
                account_id=text(row.get("id")),
                upn=text(row.get("userPrincipalName")).lower(),
                administrator=row.get("isAdmin") is True,
                second_factor=row.get("isMfaRegistered") is True,
                methods=tuple(text(one) for one in row.get("methodsRegistered") or ()),
                raw=row,
            )

    async def risks(self, since: datetime) -> AsyncIterator[RiskDetection]:
        """What was detected since then."""
        params = {"$filter": f"detectedDateTime ge {odata_time(since)}"}
        path, needs = "/identityProtection/riskDetections", "IdentityRiskEvent.Read.All"
        async for row in self._graph.rows(path, params=params, needs=needs):
            yield RiskDetection(
                id=text(row.get("id")),
                account_id=text(row.get("userId")),
                upn=text(row.get("userPrincipalName")).lower(),
                event=text(row.get("riskEventType")),
                level=text(row.get("riskLevel")),
                state=text(row.get("riskState")),
                at=when(row.get("activityDateTime")) or when(row.get("detectedDateTime")),
                detected_at=when(row.get("detectedDateTime")),
                ip=text(row.get("ipAddress")),
                country=text(_inner(row, "location").get("countryOrRegion")),
                raw=row,
            )

    async def methods_of(self, accounts: Sequence[str]) -> Sequence[Sequence[AuthMethod]]:
        """Methods of each account; what is asked at once travels together."""
        return await asyncio.gather(*map(self._methods, accounts))

    async def _methods(self, account: str) -> Sequence[AuthMethod]:
        path, needs = f"/users/{segment(account)}/authentication/methods", "UserAuthenticationMethod.Read.All"
        try:
            return [method_of(row) async for row in self._graph.rows(path, needs=needs, short=True)]
        except TargetNotFound:
            return ()


def _rows(found: list[dict[str, Any]] | PermissionMissing) -> list[dict[str, Any]]:
    return [] if isinstance(found, PermissionMissing) else found


def _inner(row: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The object at a place; empty where there is none."""
    found: Any = row
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _holding(
    row: dict[str, Any],
    definitions: Mapping[str, Mapping[str, Any]],
    how: Literal["assigned", "activated", "eligible"],
    began_at: datetime | None,
    dated: bool,
) -> RoleHolding:
    role_id = text(row.get("roleDefinitionId"))
    definition = definitions.get(role_id, {})
    principal = _inner(row, "principal")
    name = text(principal.get("userPrincipalName") or principal.get("displayName") or row.get("principalId"))
    kinds: dict[str, Literal["user", "application", "group"]] = {
        "#microsoft.graph.user": "user",
        "#microsoft.graph.servicePrincipal": "application",
        "#microsoft.graph.group": "group",
    }
    kind: Literal["user", "guest", "application", "group", "unknown"]
    kind = kinds.get(text(principal.get("@odata.type")), "unknown")
    if kind == "user" and (principal.get("userType") == "Guest" or "#ext#" in name.lower()):
        kind = "guest"
    return RoleHolding(
        id=text(row.get("id")),
        principal_id=text(row.get("principalId")).lower(),
        principal=name.lower() if kind in ("user", "guest") else name,
        kind=kind,
        first_party=text(principal.get("appOwnerOrganizationId")).lower() in MICROSOFT,
        app_id=text(principal.get("appId")).lower(),
        role=text(definition.get("displayName")) or role_id,
        role_id=role_id,
        privileged=text(definition.get("templateId") or role_id) in PRIVILEGED,
        scope=text(row.get("directoryScopeId")) or "/",
        how=how,
        began_at=began_at,
        dated=dated,
        raw=row,
    )


def _certificate_since(value: Any) -> datetime | None:
    """From when a certificate (DER in base64) is valid."""
    try:
        return x509.load_der_x509_certificate(base64.b64decode(text(value), validate=True)).not_valid_before_utc
    except ValueError:
        return None
