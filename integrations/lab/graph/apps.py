"""Service principals, consents and application roles.

Sources: Graph v1.0 reference, "List oauth2PermissionGrants", "Delete oAuth2PermissionGrant", "Grant an appRoleAssignment", "Update servicePrincipal".
"""

from __future__ import annotations

from types import NoneType
from typing import Any

from integrations.lab.graph.call import Call, bad_request, not_found, pick, refusal
from integrations.lab.graph.names import SERVICE_PRINCIPAL
from integrations.lab.graph.registrations import owners_of, owners_wanted, replace_keys
from integrations.lab.graph.routing import Routes
from integrations.lab.records import Record
from integrations.lab.web import Answer

routes = Routes("directory")

_APPS_READ = "Application.Read.All Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All"
_GRANTS_READ = "Directory.Read.All Directory.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All"
_GRANTS_WRITE = "DelegatedPermissionGrant.ReadWrite.All Directory.ReadWrite.All"
_GRANT_NAMES = frozenset(["id", "clientId", "consentType", "principalId", "resourceId", "scope"])
_GRANT_FILTERS = dict.fromkeys(("clientId", "consentType", "principalId", "resourceId"), ("eq",))

# --- service principals -----------------------------------------------------------------------------------------------


@routes.add("GET", "servicePrincipals", _APPS_READ, options="filter select top skiptoken count expand")
def list_principals(call: Call) -> Answer:
    """Applications that have an identity in this tenant."""
    names = call.select(SERVICE_PRINCIPAL)
    chosen = call.filter(
        {"appId": ("eq", "in"), "id": ("eq", "in"), "displayName": ("eq", "startswith"), "accountEnabled": ("eq",)},
        SERVICE_PRINCIPAL,
    )
    rows = [
        row
        for row in call.tenant.service_principals.listed(call.now)
        if chosen is None or chosen.matches(row.view(call.now))
    ]
    owned = owners_wanted(call)
    return call.page(
        "servicePrincipals",
        rows,
        lambda row: {**_principal(row, call.now, names), **({"owners": owners_of(call, row)} if owned else {})},
    )


@routes.add("GET", "servicePrincipals/{principal}", _APPS_READ, options="select")
def get_principal(call: Call) -> Answer:
    """One service principal, by object id."""
    names = call.select(SERVICE_PRINCIPAL)
    return call.one("servicePrincipals/$entity", _principal(_found(call), call.now, names))


@routes.add("PATCH", "servicePrincipals/{principal}", "Application.ReadWrite.All Directory.ReadWrite.All")
def update_principal(call: Call) -> Answer:
    """Enable or disable sign-in to an application; notes and tags."""
    key = call.params["principal"]
    found = call.tenant.service_principals.get(key)
    if found is None:
        raise not_found(key)
    body = call.json({"accountEnabled": bool, "keyCredentials": list, "notes": (str, NoneType), "tags": list})
    if "keyCredentials" in body:
        return replace_keys(call, found, "servicePrincipals")
    if not body:
        raise bad_request("Empty payload. JSON content expected.")
    changes = {name: value for name, value in body.items() if not name.startswith("@")}
    before = found.write(changes, call.now, call.lab.faults.lag)
    call.wrote(f"servicePrincipals/{key}", before, changes)
    return Answer(204)


@routes.add("DELETE", "servicePrincipals/{principal}", "Application.ReadWrite.All")
def delete_principal(call: Call) -> Answer:
    """Delete an application's identity in this tenant. Tokens already issued live on."""
    found = _found(call)
    call.tenant.service_principals.remove(found.id, call.now, call.lab.faults.lag)
    call.wrote(f"servicePrincipals/{found.id}", {"id": found.id, "appId": found.props["appId"]}, None)
    return Answer(204)


def _found(call: Call) -> Record:
    found = call.tenant.service_principals.find(call.params["principal"], call.now)
    if found is None:
        raise not_found(call.params["principal"])
    return found


def _principal(row: Record, now: float, names: list[str] | None) -> dict[str, Any]:
    view = {name: value for name, value in row.view(now).items() if name != "owners"}
    return pick(view, [*names, "id"]) if names else view


# --- delegated consents -----------------------------------------------------------------------------------------------


def _grant(row: Record, now: float) -> dict[str, Any]:
    return {"id": row.id, **row.view(now)}


@routes.add("GET", "oauth2PermissionGrants", _GRANTS_READ, options="filter top skiptoken select")
def list_grants(call: Call) -> Answer:
    """Delegated consents of the whole tenant."""
    chosen = call.filter(_GRANT_FILTERS, _GRANT_NAMES)
    rows = [
        row for row in call.tenant.grants.listed(call.now) if chosen is None or chosen.matches(_grant(row, call.now))
    ]
    return call.page("oauth2PermissionGrants", rows, lambda row: _grant(row, call.now))


@routes.add("GET", "users/{user}/oauth2PermissionGrants", _GRANTS_READ, options="top skiptoken filter")
def grants_of(call: Call) -> Answer:
    """Delegated consents that one user gave; those for everybody are not among them."""
    user_id = call.user().id
    chosen = call.filter(_GRANT_FILTERS, _GRANT_NAMES)
    rows = [
        row
        for row in call.tenant.grants.listed(call.now)
        if row.props["principalId"] == user_id and (chosen is None or chosen.matches(_grant(row, call.now)))
    ]
    return call.page("oauth2PermissionGrants", rows, lambda row: _grant(row, call.now))


@routes.add("GET", "oauth2PermissionGrants/{grant}", _GRANTS_READ)
def get_grant(call: Call) -> Answer:
    """One delegated consent."""
    found = call.tenant.grants.find(call.params["grant"], call.now)
    if found is None:
        raise not_found(call.params["grant"])
    return call.one("oauth2PermissionGrants/$entity", _grant(found, call.now))


@routes.add("DELETE", "oauth2PermissionGrants/{grant}", _GRANTS_WRITE)
def delete_grant(call: Call) -> Answer:
    """Take a delegated consent back. Tokens already issued live on."""
    key = call.params["grant"]
    found = call.tenant.grants.remove(key, call.now, call.lab.faults.lag)
    if found is None:
        raise not_found(key)
    call.wrote(f"oauth2PermissionGrants/{key}", {"id": key, **found.props}, None)
    return Answer(204)


@routes.add("POST", "oauth2PermissionGrants", _GRANTS_WRITE)
def create_grant(call: Call) -> Answer:
    """Consent on behalf of a user or of everybody; the grant gets a new id."""
    text = (str, NoneType)
    body = call.json(
        {"clientId": str, "consentType": str, "principalId": text, "resourceId": str, "scope": text},
        ("clientId", "consentType", "resourceId"),
    )
    if body["consentType"] not in ("AllPrincipals", "Principal"):
        raise bad_request("Invalid value specified for property 'consentType'.")
    principal = body.get("principalId")
    if (body["consentType"] == "Principal") != (principal is not None):
        raise bad_request("A principal is given exactly when consentType is Principal.")
    for name in ("clientId", "resourceId"):
        if call.tenant.service_principals.get(body[name]) is None:
            raise not_found(body[name])
    if principal is not None and call.tenant.directory.resolve(principal) is None:
        raise not_found(principal)
    props = {
        "clientId": body["clientId"],
        "consentType": body["consentType"],
        "principalId": principal,
        "resourceId": body["resourceId"],
        "scope": body.get("scope"),
    }
    same = ("clientId", "consentType", "principalId", "resourceId")
    if any(all(row.props[name] == props[name] for name in same) for row in call.tenant.grants):
        raise refusal(409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.")
    record = Record(call.tenant.serial("grant").replace("-", "") + "ab", props)
    call.tenant.grants.add(record, call.now, call.lab.faults.lag)
    call.wrote(f"oauth2PermissionGrants/{record.id}", None, {"id": record.id, **props})
    return Answer(
        201, {"@odata.context": f"{call.root}/$metadata#oauth2PermissionGrants/$entity", "id": record.id, **props}
    )


# --- application roles ------------------------------------------------------------------------------------------------


def _app_role(row: Record, now: float) -> dict[str, Any]:
    return {"id": row.id, **row.view(now)}


@routes.add("GET", "servicePrincipals/{principal}/appRoleAssignedTo", _APPS_READ, options="top skiptoken filter")
def assigned_to(call: Call) -> Answer:
    """Who holds application roles of this service principal."""
    key = _found(call).id
    rows = [row for row in call.tenant.app_roles.listed(call.now) if row.props["resourceId"] == key]
    return call.page("appRoleAssignments", rows, lambda row: _app_role(row, call.now))


@routes.add("GET", "servicePrincipals/{principal}/appRoleAssignments", _APPS_READ, options="top skiptoken filter")
def principal_roles(call: Call) -> Answer:
    """Application permissions that this service principal was given."""
    key = _found(call).id
    rows = [row for row in call.tenant.app_roles.listed(call.now) if row.props["principalId"] == key]
    return call.page("appRoleAssignments", rows, lambda row: _app_role(row, call.now))


@routes.add("GET", "users/{user}/appRoleAssignments", _APPS_READ, options="top skiptoken")
def roles_of_user(call: Call) -> Answer:
    """Applications that a user is assigned to."""
    key = call.user().id
    rows = [row for row in call.tenant.app_roles.listed(call.now) if row.props["principalId"] == key]
    return call.page("appRoleAssignments", rows, lambda row: _app_role(row, call.now))


@routes.add("DELETE", "users/{user}/appRoleAssignments/{assignment}", "AppRoleAssignment.ReadWrite.All")
def delete_user_role(call: Call) -> Answer:
    """Take a user's assignment to an application back."""
    return _delete_role(call, "principalId", call.user().id)


@routes.add("DELETE", "servicePrincipals/{principal}/appRoleAssignedTo/{assignment}", "AppRoleAssignment.ReadWrite.All")
def delete_assigned(call: Call) -> Answer:
    """The same, from the application's side."""
    return _delete_role(call, "resourceId", _found(call).id)


@routes.add("POST", "users/{user}/appRoleAssignments", "AppRoleAssignment.ReadWrite.All")
def create_user_role(call: Call) -> Answer:
    """Assign a user to an application; the assignment gets a new id."""
    needed = ("principalId", "resourceId", "appRoleId")
    body = call.json(dict.fromkeys(needed, str), needed)
    index = call.user_index()
    user = call.tenant.directory.peek(index)
    resource = call.tenant.service_principals.get(body["resourceId"])
    if resource is None:
        raise not_found(body["resourceId"])
    if body["principalId"] != user.id:
        raise bad_request("The principal is not the user of the address.")
    if any(all(row.props[name] == body[name] for name in needed) for row in call.tenant.app_roles):
        raise bad_request("Permission being assigned already exists on the object")
    props = {
        "appRoleId": body["appRoleId"],
        "createdDateTime": call.lab.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "deletedDateTime": None,
        "principalDisplayName": user.props["displayName"],
        "principalId": user.id,
        "principalType": "User",
        "resourceDisplayName": resource.props["displayName"],
        "resourceId": resource.id,
    }
    record = Record(call.tenant.serial("appRole").replace("-", "") + "ab", props)
    call.tenant.app_roles.add(record, call.now, call.lab.faults.lag)
    call.wrote(f"appRoleAssignments/{record.id}", None, {"id": record.id, **props})
    return Answer(
        201, {"@odata.context": f"{call.root}/$metadata#appRoleAssignments/$entity", "id": record.id, **props}
    )


def _delete_role(call: Call, side: str, owner: str) -> Answer:
    key = call.params["assignment"]
    found = call.tenant.app_roles.get(key)
    if found is None or found.props[side] != owner:
        raise not_found(key)
    call.tenant.app_roles.remove(key, call.now, call.lab.faults.lag)
    call.wrote(f"appRoleAssignments/{key}", {"id": key, **found.props}, None)
    return Answer(204)
