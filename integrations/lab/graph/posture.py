"""How the tenant is set up: rules about sign-ins, places, units, partners, what people registered, what Identity Protection saw.

Sources: Graph v1.0 reference, "List policies" and "List namedLocations" of Conditional Access, "List administrativeUnits", "List partners" of the
cross-tenant access policy, "List userRegistrationDetails", "List riskDetections", "List internalDomainFederation", "List
federatedIdentityCredentials", "List devices", "List roleAssignmentScheduleInstances", "List roleEligibilityScheduleInstances". Without the licence
the last two answer 400 (AadPremiumLicenseRequired), and risk 403.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from integrations.lab.clock import iso
from integrations.lab.graph.call import Call, not_found, pick, refusal
from integrations.lab.graph.directory_objects import device_shape, principal_object
from integrations.lab.graph.names import ADMINISTRATIVE_UNIT, DEVICE, RISK_DETECTION
from integrations.lab.graph.routing import Routes
from integrations.lab.records import Record
from integrations.lab.web import Answer

routes = Routes("directory")

_POLICIES = "Policy.Read.All Policy.ReadWrite.ConditionalAccess"
_DIRECTORY_READ = "Directory.Read.All Directory.ReadWrite.All"
_PIM = "RoleManagement.Read.Directory RoleManagement.Read.All RoleManagement.ReadWrite.Directory"
_TIMES = ("eq", "ge", "gt", "le", "lt")
_REGISTERED = {
    "microsoftAuthenticatorMethods": "microsoftAuthenticatorPush",
    "phoneMethods": "mobilePhone",
    "softwareOathMethods": "softwareOneTimePasscode",
    "fido2Methods": "fido2SecurityKey",
    "emailMethods": "email",
    "windowsHelloForBusinessMethods": "windowsHelloForBusiness",
}
_FACTORS = frozenset(_REGISTERED.values()) - {"email"}

# --- Privileged Identity Management -----------------------------------------------------------------------------------


def _licensed(call: Call) -> None:
    if not call.tenant.posture.premium:
        raise refusal(400, "AadPremiumLicenseRequired", "The tenant needs to have Microsoft Entra ID P2 license.")


@routes.add(
    "GET",
    "roleManagement/directory/roleAssignmentScheduleInstances",
    f"RoleAssignmentSchedule.Read.Directory RoleAssignmentSchedule.ReadWrite.Directory {_PIM}",
    options="expand top skiptoken select",
)
def assignment_instances(call: Call) -> Answer:
    """Every active role, with when it was given and how."""
    _licensed(call)
    known = call.tenant.posture.role_instances
    rows = list(call.tenant.role_assignments.listed(call.now))
    long_ago = iso(call.tenant.start - timedelta(days=300))

    def shape(row: Record) -> dict[str, Any]:
        view = row.view(call.now)
        shown = {
            "id": row.id,
            **view,
            "assignmentType": "Assigned",
            "memberType": "Direct",
            "startDateTime": long_ago,
            "endDateTime": None,
            "roleAssignmentOriginId": row.id,
            "roleAssignmentScheduleId": row.id,
            **known.get(row.id, {}),
        }
        return {**shown, **_principal(call, view["principalId"])}

    return call.page("roleManagement/directory/roleAssignmentScheduleInstances", rows, shape)


@routes.add(
    "GET",
    "roleManagement/directory/roleEligibilityScheduleInstances",
    f"RoleEligibilitySchedule.Read.Directory RoleEligibilitySchedule.ReadWrite.Directory {_PIM}",
    options="expand top skiptoken select",
)
def eligibility_instances(call: Call) -> Answer:
    """Roles that somebody may activate."""
    _licensed(call)
    rows = list(call.tenant.posture.eligible.listed(call.now))

    def shape(row: Record) -> dict[str, Any]:
        view = row.view(call.now)
        shown = {
            "id": row.id,
            "memberType": "Direct",
            "endDateTime": None,
            "roleEligibilityScheduleId": row.id,
            **view,
        }
        return {**shown, **_principal(call, view["principalId"])}

    return call.page("roleManagement/directory/roleEligibilityScheduleInstances", rows, shape)


def _principal(call: Call, key: str) -> dict[str, Any]:
    found = principal_object(call, key) if call.option("$expand") == "principal" else None
    return {} if found is None else {"principal": found}


# --- rules about sign-ins ---------------------------------------------------------------------------------------------


@routes.add(
    "GET", "identity/conditionalAccess/policies", _POLICIES, options="filter top skiptoken select", family="risk"
)
def policies(call: Call) -> Answer:
    """Rules of Conditional Access."""
    rows = call.tenant.posture.policies.listed(call.now)
    return call.page("identity/conditionalAccess/policies", rows, lambda row: {"id": row.id, **row.view(call.now)})


@routes.add(
    "GET", "identity/conditionalAccess/namedLocations", _POLICIES, options="filter top skiptoken select", family="risk"
)
def locations(call: Call) -> Answer:
    """Places that those rules name."""
    rows = call.tenant.posture.locations.listed(call.now)

    def shape(row: Record) -> dict[str, Any]:
        view = dict(row.view(call.now))
        return {"@odata.type": f"#microsoft.graph.{view.pop('kind')}", "id": row.id, **view}

    return call.page("identity/conditionalAccess/namedLocations", rows, shape)


@routes.add("GET", "policies/crossTenantAccessPolicy/partners", "Policy.Read.All", options="top skiptoken")
def partners(call: Call) -> Answer:
    """Tenants with which something particular is agreed."""
    rows = call.tenant.posture.partners.listed(call.now)
    return call.page(
        "policies/crossTenantAccessPolicy/partners", rows, lambda row: {"tenantId": row.id, **row.view(call.now)}
    )


# --- the directory ----------------------------------------------------------------------------------------------------


@routes.add(
    "GET",
    "directory/administrativeUnits",
    f"AdministrativeUnit.Read.All AdministrativeUnit.ReadWrite.All {_DIRECTORY_READ}",
    options="filter select top skiptoken",
)
def units(call: Call) -> Answer:
    """Administrative units."""
    names = call.select(ADMINISTRATIVE_UNIT)
    rows = call.tenant.posture.units.listed(call.now)

    def shape(row: Record) -> dict[str, Any]:
        shown = {"id": row.id, **row.view(call.now)}
        return pick(shown, [*names, "id"]) if names else shown

    return call.page("directory/administrativeUnits", rows, shape)


@routes.add("GET", "devices", f"Device.Read.All Device.ReadWrite.All {_DIRECTORY_READ}", options="select top skiptoken")
def list_devices(call: Call) -> Answer:
    """Every device. Makes everybody's: a list of all is what costs a great lab something."""
    names = call.select(DEVICE)
    for index in call.tenant.directory.present():
        call.tenant.person(index)

    def shape(row: Record) -> dict[str, Any]:
        shown = device_shape(row, call.now)
        return pick(shown, [*names, "id"]) if names else shown

    return call.page("devices", call.tenant.devices.listed(call.now), shape)


@routes.add(
    "GET",
    "domains/{domain}/federationConfiguration",
    f"Domain.Read.All Domain.ReadWrite.All {_DIRECTORY_READ}",
    options="top",
)
def federation(call: Call) -> Answer:
    """With whom a domain's people sign in; empty for a managed domain."""
    key = call.params["domain"]
    if key != call.tenant.domain and key not in call.tenant.posture.domains:
        raise not_found(key)
    trust = call.tenant.posture.domains.get(key)
    return call.page("domains/federationConfiguration", [trust] if trust else [], lambda row: row)


@routes.add(
    "GET",
    "applications/{application}/federatedIdentityCredentials",
    "Application.Read.All Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All",
    options="filter select top",
)
def federated_credentials(call: Call) -> Answer:
    """Tokens of other providers with which somebody signs in as the application."""
    found = call.tenant.applications.get(call.params["application"])
    if found is None:
        raise not_found(call.params["application"])
    rows = found.props.get("federated", [])
    return call.page("applications/federatedIdentityCredentials", rows, lambda row: row)


# --- people -----------------------------------------------------------------------------------------------------------


@routes.add(
    "GET",
    "reports/authenticationMethods/userRegistrationDetails",
    "AuditLog.Read.All",
    options="filter top skiptoken select",
    family="reports",
)
def registrations(call: Call) -> Answer:
    """What everybody registered to prove themselves."""
    tenant = call.tenant
    admins = {row.props["principalId"] for row in tenant.role_assignments.listed(call.now)}
    rows = [tenant.directory.peek(index) for index in tenant.directory.present()]

    def shape(row: Record) -> dict[str, Any]:
        index = tenant.directory.resolve(row.id)
        methods = tenant.person(index).methods if index is not None else ()
        kinds = [kind for method in methods if (kind := _REGISTERED.get(method.props["kind"]))]
        strong = any(kind in _FACTORS for kind in kinds)
        return {
            "id": row.id,
            "isAdmin": row.id in admins,
            "isMfaCapable": strong,
            "isMfaRegistered": strong,
            "isPasswordlessCapable": "fido2SecurityKey" in kinds,
            "isSsprCapable": strong,
            "isSsprEnabled": True,
            "isSsprRegistered": strong,
            "methodsRegistered": kinds,
            "userDisplayName": row.props["displayName"],
            "userPrincipalName": row.props["userPrincipalName"],
            "userType": str(row.props["userType"]).lower(),
        }

    return call.page("reports/authenticationMethods/userRegistrationDetails", rows, shape)


@routes.add(
    "GET",
    "identityProtection/riskDetections",
    "IdentityRiskEvent.Read.All IdentityRiskEvent.ReadWrite.All",
    options="filter top skiptoken select",
    family="risk",
)
def risk_detections(call: Call) -> Answer:
    """What Identity Protection saw."""
    if not call.tenant.posture.premium:
        raise refusal(403, "Forbidden", "Your tenant is not licensed for this feature.")
    chosen = call.filter(
        {"detectedDateTime": _TIMES, "riskLevel": ("eq",), "userId": ("eq",), "riskEventType": ("eq",)}, RISK_DETECTION
    )
    rows = [row for row in call.tenant.posture.risks if chosen is None or chosen.matches(row)]
    return call.page("riskDetections", rows, lambda row: row, maximum=500)
