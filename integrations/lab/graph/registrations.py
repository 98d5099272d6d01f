"""Registrations of applications, credentials of applications, their owners, and who may consent.

Sources: Graph v1.0 reference, "List applications", "application: removePassword", "servicePrincipal: removePassword", "Update application"
(keyCredentials: the collection is replaced), "List owners", "List oauth2PermissionGrants" of a servicePrincipal, "Grant an appRoleAssignment to a
service principal", "Delete an appRoleAssignment from a service principal", "Get authorizationPolicy".
"""

from __future__ import annotations

from typing import Any

from integrations.lab.graph.call import Call, bad_request, not_found, pick
from integrations.lab.graph.names import APPLICATION
from integrations.lab.graph.routing import Routes
from integrations.lab.graph.users import user_object
from integrations.lab.records import Record
from integrations.lab.web import Answer

routes = Routes("directory")

_READ = "Application.Read.All Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All"
_WRITE = "Application.ReadWrite.All Directory.ReadWrite.All"
_GRANTS_READ = "Directory.Read.All Directory.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All"
_KEY_NAMES = frozenset(
    ["customKeyIdentifier", "displayName", "endDateTime", "key", "keyId", "startDateTime", "type", "usage"]
)

# --- registrations ----------------------------------------------------------------------------------------------------


@routes.add("GET", "applications", _READ, options="filter select top skiptoken expand")
def list_applications(call: Call) -> Answer:
    """Applications that this tenant itself registered."""
    names = call.select(APPLICATION)
    chosen = call.filter({"appId": ("eq",), "displayName": ("eq", "startswith"), "id": ("eq",)}, APPLICATION)
    rows = [
        row for row in call.tenant.applications.listed(call.now) if chosen is None or chosen.matches(row.view(call.now))
    ]
    owned = owners_wanted(call)
    return call.page(
        "applications",
        rows,
        lambda row: {**_shape(row, call.now, names), **({"owners": owners_of(call, row)} if owned else {})},
    )


@routes.add("GET", "applications/{application}", _READ, options="select")
def get_application(call: Call) -> Answer:
    """One registration, by object id."""
    names = call.select(APPLICATION)
    return call.one("applications/$entity", _shape(_application(call), call.now, names))


@routes.add("DELETE", "applications/{application}", "Application.ReadWrite.All")
def delete_application(call: Call) -> Answer:
    """Delete a registration, and the service principal of this tenant with it."""
    found = _application(call)
    app = found.props["appId"]
    call.tenant.applications.remove(found.id, call.now, call.lab.faults.lag)
    for principal in [row for row in call.tenant.service_principals if row.props["appId"] == app]:
        call.tenant.service_principals.remove(principal.id, call.now, call.lab.faults.lag)
    call.wrote(f"applications/{found.id}", {"id": found.id, "appId": app}, None)
    return Answer(204)


@routes.add("PATCH", "applications/{application}", _WRITE)
def update_application(call: Call) -> Answer:
    """Replace the key credentials: those that are not sent are gone."""
    return replace_keys(call, _application(call), "applications")


@routes.add("POST", "applications/{application}/removePassword", _WRITE)
def remove_password(call: Call) -> Answer:
    """Remove one password of a registration."""
    return _remove_password(call, _application(call), "applications")


@routes.add("GET", "applications/{application}/owners", _READ, options="top skiptoken select")
def application_owners(call: Call) -> Answer:
    """Who may change a registration."""
    return _owners(call, _application(call))


def _application(call: Call) -> Record:
    found = call.tenant.applications.get(call.params["application"])
    if found is None:
        raise not_found(call.params["application"])
    return found


def _shape(row: Record, now: float, names: list[str] | None) -> dict[str, Any]:
    view = {name: value for name, value in row.view(now).items() if name not in ("owners", "federated")}
    return pick(view, [*names, "id"]) if names else view


# --- service principals -----------------------------------------------------------------------------------------------


@routes.add("POST", "servicePrincipals/{principal}/removePassword", _WRITE)
def remove_principals_password(call: Call) -> Answer:
    """Remove one password of a service principal."""
    return _remove_password(call, _principal(call), "servicePrincipals")


@routes.add("GET", "servicePrincipals/{principal}/owners", _READ, options="top skiptoken select")
def principal_owners(call: Call) -> Answer:
    """Who may change a service principal."""
    return _owners(call, _principal(call))


@routes.add("GET", "servicePrincipals/{principal}/oauth2PermissionGrants", _GRANTS_READ, options="top skiptoken")
def principals_grants(call: Call) -> Answer:
    """Delegated consents that let this application act."""
    key = _principal(call).id
    rows = [row for row in call.tenant.grants.listed(call.now) if row.props["clientId"] == key]
    return call.page("oauth2PermissionGrants", rows, lambda row: {"id": row.id, **row.view(call.now)})


@routes.add(
    "DELETE", "servicePrincipals/{principal}/appRoleAssignments/{assignment}", "AppRoleAssignment.ReadWrite.All"
)
def delete_principals_role(call: Call) -> Answer:
    """Take an application permission back."""
    key = call.params["assignment"]
    found = call.tenant.app_roles.get(key)
    if found is None or found.props["principalId"] != _principal(call).id:
        raise not_found(key)
    call.tenant.app_roles.remove(key, call.now, call.lab.faults.lag)
    call.wrote(f"appRoleAssignments/{key}", {"id": key, **found.props}, None)
    return Answer(204)


@routes.add("POST", "servicePrincipals/{principal}/appRoleAssignments", "AppRoleAssignment.ReadWrite.All")
def create_principals_role(call: Call) -> Answer:
    """Grant an application permission."""
    return _assign(call, "principalId")


@routes.add("POST", "servicePrincipals/{principal}/appRoleAssignedTo", "AppRoleAssignment.ReadWrite.All")
def create_assigned(call: Call) -> Answer:
    """Let a user or group into an application."""
    return _assign(call, "resourceId")


def _assign(call: Call, side: str) -> Answer:
    needed = ("principalId", "resourceId", "appRoleId")
    body = call.json(dict.fromkeys(needed, str), needed)
    if body[side] != _principal(call).id:
        raise bad_request("The assignment is not one of the service principal of the address.")
    tenant = call.tenant
    index = tenant.directory.resolve(body["principalId"])
    principal = (
        tenant.directory.peek(index) if index is not None else tenant.service_principals.get(body["principalId"])
    )
    resource = tenant.service_principals.get(body["resourceId"])
    if principal is None or resource is None:
        raise not_found(body["principalId"] if principal is None else body["resourceId"])
    if any(all(row.props[name] == body[name] for name in needed) for row in tenant.app_roles):
        raise bad_request("Permission being assigned already exists on the object")
    props = {
        "appRoleId": body["appRoleId"],
        "createdDateTime": call.lab.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "deletedDateTime": None,
        "principalDisplayName": principal.props["displayName"],
        "principalId": principal.id,
        "principalType": "User" if index is not None else "ServicePrincipal",
        "resourceDisplayName": resource.props["displayName"],
        "resourceId": resource.id,
    }
    record = Record(tenant.serial("appRole").replace("-", "") + "ab", props)
    tenant.app_roles.add(record, call.now, call.lab.faults.lag)
    call.wrote(f"appRoleAssignments/{record.id}", None, {"id": record.id, **props})
    return Answer(
        201, {"@odata.context": f"{call.root}/$metadata#appRoleAssignments/$entity", "id": record.id, **props}
    )


def _principal(call: Call) -> Record:
    found = call.tenant.service_principals.get(call.params["principal"])
    if found is None:
        raise not_found(call.params["principal"])
    return found


# --- both -------------------------------------------------------------------------------------------------------------


def _remove_password(call: Call, record: Record, kind: str) -> Answer:
    key = call.json({"keyId": str}, ("keyId",))["keyId"]
    before = record.props["passwordCredentials"]
    kept = [one for one in before if one["keyId"] != key]
    if len(kept) == len(before):
        raise bad_request(f"No password credential found with keyId {key}.")
    record.write({"passwordCredentials": kept}, call.now, call.lab.faults.lag)
    call.wrote(f"{kind}/{record.id}/passwordCredentials/{key}", {"keyId": key}, None, "removePassword")
    return Answer(204)


def replace_keys(call: Call, record: Record, kind: str) -> Answer:
    """A PATCH of ``keyCredentials``, of either kind of object."""
    body = call.json({"keyCredentials": list}, ("keyCredentials",))
    before = {one["keyId"]: one for one in record.props["keyCredentials"]}
    kept = []
    for one in body["keyCredentials"]:
        if not isinstance(one, dict) or set(one) - _KEY_NAMES or one.get("keyId") not in before:
            raise bad_request("New key credentials must have a key value.")
        kept.append(before[one["keyId"]])
    record.write({"keyCredentials": kept}, call.now, call.lab.faults.lag)
    for key in sorted(before.keys() - {one["keyId"] for one in kept}):
        call.wrote(f"{kind}/{record.id}/keyCredentials/{key}", {"keyId": key}, None)
    return Answer(204)


def _owners(call: Call, record: Record) -> Answer:
    return call.page("directoryObjects", owners_of(call, record), lambda row: row)


def owners_of(call: Call, record: Record) -> list[dict[str, Any]]:
    """The owners of either kind of object."""
    found = [call.tenant.directory.resolve(key) for key in record.props.get("owners", ())]
    return [user_object(call, call.tenant.directory.peek(index)) for index in found if index is not None]


def owners_wanted(call: Call) -> bool:
    """Whether the list is to come with owners; 400 for another wish."""
    wanted = call.option("$expand")
    if wanted not in (None, "owners"):
        raise bad_request("Could not find a property to expand.")
    return wanted is not None


# --- who may consent --------------------------------------------------------------------------------------------------


@routes.add("GET", "policies/authorizationPolicy", "Policy.Read.All Policy.ReadWrite.Authorization")
def authorization_policy(call: Call) -> Answer:
    """What users may do by themselves."""
    return call.one(
        "policies/authorizationPolicy/$entity",
        {
            "id": "authorizationPolicy",
            "displayName": "Authorization Policy",
            "allowInvitesFrom": "everyone",
            "allowedToUseSSPR": True,
            "blockMsolPowerShell": False,
            "defaultUserRolePermissions": {
                "allowedToCreateApps": True,
                "allowedToCreateSecurityGroups": True,
                "permissionGrantPoliciesAssigned": ["ManagePermissionGrantsForSelf.microsoft-user-default-legacy"],
            },
        },
    )
