"""Roles, devices, groups and the organization.

Sources: Graph v1.0 reference, "List unifiedRoleAssignments", "Delete unifiedRoleAssignment", "List directoryRoles", "Update device".
"""

from __future__ import annotations

from typing import Any

from integrations.lab.clock import iso
from integrations.lab.graph.call import Call, bad_request, not_found, pick, refusal
from integrations.lab.graph.names import DEVICE, ORGANIZATION, ROLE_ASSIGNMENT, ROLE_DEFINITION
from integrations.lab.graph.routing import Routes
from integrations.lab.graph.users import role_shape, user_object
from integrations.lab.records import Record
from integrations.lab.state import ROLES
from integrations.lab.web import Answer

routes = Routes("directory")

_ROLES_READ = (
    "RoleManagement.Read.Directory RoleManagement.Read.All RoleManagement.ReadWrite.Directory Directory.Read.All"
)
_ROLES_WRITE = "RoleManagement.ReadWrite.Directory"
_DIRECTORY_READ = "Directory.Read.All Directory.ReadWrite.All"
_PRIVILEGED = frozenset(ROLES) - {"Global Reader", "Security Reader"}

# --- roles ------------------------------------------------------------------------------------------------------------


@routes.add("GET", "directoryRoles", _ROLES_READ, options="filter select")
def list_roles(call: Call) -> Answer:
    """Activated roles."""
    rows = [role_shape(call, name) for name in ROLES]
    chosen = call.filter({"displayName": ("eq",), "roleTemplateId": ("eq",)}, ("id",))
    rows = [row for row in rows if chosen is None or chosen.matches(row)]
    return call.page("directoryRoles", rows, lambda row: row)


@routes.add("GET", "directoryRoles/{role}", _ROLES_READ, options="select")
def get_role(call: Call) -> Answer:
    """One activated role."""
    return call.one("directoryRoles/$entity", role_shape(call, _role_name(call)))


@routes.add("GET", "directoryRoles/{role}/members", _ROLES_READ, options="select top skiptoken")
def role_members(call: Call) -> Answer:
    """Who holds a role."""
    template = ROLES[_role_name(call)]
    rows = []
    for assignment in call.tenant.role_assignments.listed(call.now):
        view = assignment.view(call.now)
        if view["roleDefinitionId"] != template:
            continue
        index = call.tenant.directory.resolve(view["principalId"])
        if index is not None:
            rows.append(user_object(call, call.tenant.directory.peek(index)))
        elif principal := call.tenant.service_principals.find(view["principalId"], call.now):
            rows.append(
                {
                    "@odata.type": "#microsoft.graph.servicePrincipal",
                    **pick(principal.view(call.now), ("id", "appId", "displayName")),
                }
            )
    return call.page("directoryObjects", rows, lambda row: row)


def _role_name(call: Call) -> str:
    key = call.params["role"]
    for name in ROLES:
        if call.tenant.dice.guid("directoryRole", name) == key:
            return name
    raise not_found(key)


@routes.add("GET", "roleManagement/directory/roleDefinitions", _ROLES_READ, options="filter select top skiptoken")
def list_definitions(call: Call) -> Answer:
    """Role definitions; in the cloud their ids are the templates'."""
    names = call.select(ROLE_DEFINITION)
    chosen = call.filter({"displayName": ("eq",), "id": ("eq",), "isBuiltIn": ("eq",)}, ROLE_DEFINITION)
    rows = [_definition(call, name) for name in ROLES]
    rows = [row for row in rows if chosen is None or chosen.matches(row)]
    return call.page(
        "roleManagement/directory/roleDefinitions", rows, lambda row: pick(row, [*names, "id"]) if names else row
    )


@routes.add("GET", "roleManagement/directory/roleDefinitions/{definition}", _ROLES_READ, options="select")
def get_definition(call: Call) -> Answer:
    """One role definition."""
    for name, template in ROLES.items():
        if template == call.params["definition"]:
            return call.one("roleManagement/directory/roleDefinitions/$entity", _definition(call, name))
    raise not_found(call.params["definition"])


def _definition(call: Call, name: str) -> dict[str, Any]:
    template = ROLES[name]
    shown: dict[str, Any] = {
        "id": template,
        "description": f"Built-in role {name}.",
        "displayName": name,
        "isBuiltIn": True,
        "isEnabled": True,
        "resourceScopes": ["/"],
        "templateId": template,
        "version": "1",
        "rolePermissions": [],
    }
    if call.version == "beta":
        shown["isPrivileged"] = name in _PRIVILEGED
    return shown


@routes.add(
    "GET", "roleManagement/directory/roleAssignments", _ROLES_READ, options="filter expand top skiptoken select"
)
def list_assignments(call: Call) -> Answer:
    """Role assignments. Graph refuses to list all of them for a tenant without a filter only in beta; here as there."""
    chosen = call.filter(
        {"principalId": ("eq",), "roleDefinitionId": ("eq",), "directoryScopeId": ("eq",)}, ROLE_ASSIGNMENT
    )
    expand = _expanded(call)
    rows = [
        row
        for row in call.tenant.role_assignments.listed(call.now)
        if chosen is None or chosen.matches({"id": row.id, **row.view(call.now)})
    ]
    return call.page(
        "roleManagement/directory/roleAssignments", rows, lambda row: _assignment(call, row, expand), maximum=999
    )


@routes.add("GET", "roleManagement/directory/roleAssignments/{assignment}", _ROLES_READ, options="expand select")
def get_assignment(call: Call) -> Answer:
    """One role assignment."""
    found = call.tenant.role_assignments.find(call.params["assignment"], call.now)
    if found is None:
        raise not_found(call.params["assignment"])
    return call.one("roleManagement/directory/roleAssignments/$entity", _assignment(call, found, _expanded(call)))


@routes.add("DELETE", "roleManagement/directory/roleAssignments/{assignment}", _ROLES_WRITE)
def delete_assignment(call: Call) -> Answer:
    """Take a role away. The last Global Administrator cannot be removed."""
    key = call.params["assignment"]
    table = call.tenant.role_assignments
    found = table.get(key)
    if found is None:
        raise not_found(key)
    admin = ROLES["Global Administrator"]
    if found.props["roleDefinitionId"] == admin and sum(row.props["roleDefinitionId"] == admin for row in table) == 1:
        raise bad_request("The last Global Administrator of the directory cannot be removed.")
    table.remove(key, call.now, call.lab.faults.lag)
    call.wrote(f"roleAssignments/{key}", {"id": key, **found.props}, None)
    return Answer(204)


@routes.add("POST", "roleManagement/directory/roleAssignments", _ROLES_WRITE)
def create_assignment(call: Call) -> Answer:
    """Give a role."""
    needed = ("principalId", "roleDefinitionId", "directoryScopeId")
    body = call.json(dict.fromkeys(needed, str), needed)
    if body["roleDefinitionId"] not in ROLES.values():
        raise bad_request("The role definition does not exist.")
    principal = body["principalId"]
    if call.tenant.directory.resolve(principal) is None and call.tenant.service_principals.get(principal) is None:
        raise not_found(principal)
    props = {name: body[name] for name in needed}
    if any({name: row.props[name] for name in needed} == props for row in call.tenant.role_assignments):
        raise refusal(
            400, "Request_BadRequest", "A conflicting object with one or more of the specified values exists."
        )
    record = Record(call.tenant.serial("roleAssignment"), props)
    call.tenant.role_assignments.add(record, call.now, call.lab.faults.lag)
    call.wrote(f"roleAssignments/{record.id}", None, {"id": record.id, **props})
    return Answer(201, {"@odata.context": f"{call.root}/$metadata#roleAssignments/$entity", "id": record.id, **props})


def _expanded(call: Call) -> set[str]:
    names = {name.strip() for name in (call.option("$expand") or "").split(",") if name.strip()}
    if names - {"roleDefinition", "principal"}:
        raise bad_request("Could not find a property to expand.")
    if len(names) > 1:
        raise bad_request("Only one property can be expanded in a single query.")
    return names


def _assignment(call: Call, row: Record, expand: set[str]) -> dict[str, Any]:
    view = row.view(call.now)
    shown = {"id": row.id, **view}
    if "roleDefinition" in expand:
        name = next(name for name, template in ROLES.items() if template == view["roleDefinitionId"])
        shown["roleDefinition"] = _definition(call, name)
    if "principal" in expand and (found := principal_object(call, view["principalId"])) is not None:
        shown["principal"] = found
    return shown


def principal_object(call: Call, key: str) -> dict[str, Any] | None:
    """Who holds a role: a user, an application, or a group."""
    index = call.tenant.directory.resolve(key)
    if index is not None:
        return user_object(call, call.tenant.directory.peek(index))
    principal = call.tenant.service_principals.find(key, call.now)
    if principal is not None:
        names = ("id", "appId", "displayName", "appOwnerOrganizationId")
        return {"@odata.type": "#microsoft.graph.servicePrincipal", **pick(principal.view(call.now), names)}
    return None


# --- devices ----------------------------------------------------------------------------------------------------------


@routes.add("GET", "users/{user}/registeredDevices", _DIRECTORY_READ, options="select top skiptoken")
@routes.add("GET", "users/{user}/ownedDevices", _DIRECTORY_READ, options="select top skiptoken")
def devices_of(call: Call) -> Answer:
    """Devices of a user."""
    index = call.user_index()
    listed = call.tenant.person(index).devices
    rows = [found for key in listed if (found := call.tenant.devices.find(key, call.now)) is not None]
    return call.page(
        "directoryObjects", rows, lambda row: {"@odata.type": "#microsoft.graph.device", **device_shape(row, call.now)}
    )


@routes.add("GET", "devices/{device}", "Device.Read.All Device.ReadWrite.All Directory.Read.All", options="select")
def get_device(call: Call) -> Answer:
    """One device, by object id (not by ``deviceId``)."""
    names = call.select(DEVICE)
    call.tenant.device(call.params["device"])
    found = call.tenant.devices.find(call.params["device"], call.now)
    if found is None:
        raise not_found(call.params["device"])
    shown = device_shape(found, call.now)
    return call.one("devices/$entity", pick(shown, [*names, "id"]) if names else shown)


@routes.add("PATCH", "devices/{device}", "Device.ReadWrite.All Directory.ReadWrite.All")
def update_device(call: Call) -> Answer:
    """Enable or disable a device."""
    key = call.params["device"]
    found = call.tenant.device(key)
    if found is None:
        raise not_found(key)
    body = call.json({"accountEnabled": bool}, ["accountEnabled"])
    before = found.write({"accountEnabled": body["accountEnabled"]}, call.now, call.lab.faults.lag)
    call.wrote(f"devices/{key}", before, {"accountEnabled": body["accountEnabled"]})
    return Answer(204)


@routes.add("DELETE", "devices/{device}", "Device.ReadWrite.All Directory.ReadWrite.All")
def delete_device(call: Call) -> Answer:
    """Delete a device: its primary refresh token ends with it."""
    key = call.params["device"]
    found = call.tenant.device(key)
    if found is None:
        raise not_found(key)
    call.tenant.devices.remove(key, call.now, call.lab.faults.lag)
    call.wrote(f"devices/{key}", device_shape(found, call.now), None)
    return Answer(204)


def device_shape(row: Record, now: float) -> dict[str, Any]:
    """A device as Graph shows it."""
    return {name: value for name, value in row.view(now).items() if name in DEVICE}


# --- the organization -------------------------------------------------------------------------------------------------


@routes.add("GET", "organization", "Organization.Read.All Directory.Read.All Directory.ReadWrite.All", options="select")
def organization(call: Call) -> Answer:
    """The tenant itself."""
    names = call.select(ORGANIZATION)
    tenant = call.tenant
    synced = bool(tenant.on_premises)
    row = {
        "id": tenant.tenant_id,
        "countryLetterCode": "GB",
        "createdDateTime": "2019-03-04T09:00:00Z",
        "displayName": "Contoso Lab",
        "onPremisesLastSyncDateTime": iso(tenant.last_sync) if synced else None,
        "onPremisesSyncEnabled": True if synced else None,
        "preferredLanguage": "en",
        "technicalNotificationMails": [f"it@{tenant.domain}"],
        "tenantType": "AAD",
        "verifiedDomains": [
            {
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": True,
                "isInitial": False,
                "name": tenant.domain,
                "type": "Managed",
            }
        ],
    }
    return call.page("organization", [row], lambda one: pick(one, [*names, "id"]) if names else one)


@routes.add("GET", "domains", "Domain.Read.All Directory.Read.All Directory.ReadWrite.All", options="select top")
def domains(call: Call) -> Answer:
    """Verified domains."""
    rows = [
        _domain(call.tenant.domain, default=True, federated=False)
        | {"passwordValidityPeriodInDays": call.tenant.posture.password_days}
    ]
    rows += [
        _domain(name, default=False, federated=trust is not None) for name, trust in call.tenant.posture.domains.items()
    ]
    return call.page("domains", rows, lambda one: one)


def _domain(name: str, *, default: bool, federated: bool) -> dict[str, Any]:
    return {
        "id": name,
        "authenticationType": "Federated" if federated else "Managed",
        "isAdminManaged": True,
        "isDefault": default,
        "isInitial": False,
        "isRoot": True,
        "isVerified": True,
        "supportedServices": ["Email"],
    }
