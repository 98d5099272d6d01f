"""Groups' members and users' licences.

Sources: Graph v1.0 reference, "Remove member", "Add members", "user: assignLicense", "List licenseDetails".
"""

from __future__ import annotations

from typing import Any

from integrations.lab.graph.call import Call, Row, bad_request, not_found
from integrations.lab.graph.names import GROUP
from integrations.lab.graph.routing import Routes
from integrations.lab.records import Record
from integrations.lab.web import Answer

routes = Routes("directory")

_GROUPS_READ = "GroupMember.Read.All Group.Read.All Directory.Read.All Group.ReadWrite.All Directory.ReadWrite.All"
_MEMBERS = "GroupMember.ReadWrite.All Group.ReadWrite.All Directory.ReadWrite.All"
_LICENCES = "LicenseAssignment.ReadWrite.All User.ReadWrite.All Directory.ReadWrite.All"
_READ = "User.Read.All User.ReadWrite.All Directory.Read.All Directory.ReadWrite.All"
_SKUS = {
    "f245ecc8-75af-4f8e-b61f-27d8114de5f3": "O365_BUSINESS_PREMIUM",
    "05e9a617-0261-4cee-bb44-138d3ef5d965": "SPE_E3",
}


@routes.add("GET", "groups/{group}", _GROUPS_READ, options="select")
def get_group(call: Call) -> Answer:
    """One group."""
    view = _group(call).view(call.now)
    shown = {name: value for name, value in view.items() if name in GROUP}
    names = call.select(GROUP)
    return call.one("groups/$entity", shown if names is None else {name: shown.get(name) for name in names})


@routes.add("DELETE", "groups/{group}/members/{member}/$ref", _MEMBERS)
def remove_member(call: Call) -> Answer:
    """Take a user out of a group."""
    group, member = _group(call), call.params["member"]
    _refuse_exchanges(group)
    if member not in group.props["members"]:
        raise not_found(member)
    _write(call, group, group.props["members"] - {member}, member)
    return Answer(204)


@routes.add("POST", "groups/{group}/members/$ref", _MEMBERS)
def add_member(call: Call) -> Answer:
    """Put a user into a group."""
    group = _group(call)
    _refuse_exchanges(group)
    reference = call.json({"@odata.id": str}).get("@odata.id", "")
    member = str(reference).rpartition("/")[2]
    if call.tenant.directory.resolve(member) is None:
        raise not_found(member)
    if member in group.props["members"]:
        raise bad_request(
            "One or more added object references already exist for the following modified properties: 'members'."
        )
    _write(call, group, group.props["members"] | {member}, member)
    return Answer(204)


@routes.add("GET", "users/{user}/licenseDetails", _READ, options="select")
def license_details(call: Call) -> Answer:
    """What a user has, with names."""
    rows = [
        {"id": f"detail-{one['skuId']}", "skuId": one["skuId"], "skuPartNumber": _SKUS.get(one["skuId"], one["skuId"])}
        for one in call.user().view(call.now)["assignedLicenses"]
    ]
    return call.page("licenseDetails", rows, lambda row: row)


@routes.add("POST", "users/{user}/assignLicense", _LICENCES)
def assign_license(call: Call) -> Answer:
    """Give and take licences of the user itself."""
    index = call.user_index()
    body = call.json({"addLicenses": list, "removeLicenses": list}, ("addLicenses", "removeLicenses"))
    user = call.tenant.directory.keep(index)
    held = {one["skuId"]: one for one in user.props["assignedLicenses"]}
    for sku in body["removeLicenses"]:
        if sku not in held:
            raise bad_request(f"User does not have a corresponding license: {sku}.")
        del held[sku]
    for one in body["addLicenses"]:
        if one.get("skuId") not in _SKUS:
            raise bad_request("License assignment cannot be done: the subscription is not known.")
        if not user.props["usageLocation"]:
            raise bad_request("License assignment cannot be done for user with invalid usage location.")
        held[one["skuId"]] = {"disabledPlans": list(one.get("disabledPlans") or ()), "skuId": one["skuId"]}
    changes = {"assignedLicenses": list(held.values())}
    before = user.write(changes, call.now, call.lab.faults.lag)
    call.wrote(f"users/{call.tenant.directory.upn_of(index)}", before, changes, "assignLicense")
    return call.one("users/$entity", {"id": user.id})


def assignment_states(row: Row) -> list[dict[str, Any]]:
    """``licenseAssignmentStates`` as they follow from a user's licences."""
    return [
        {
            "skuId": one["skuId"],
            "disabledPlans": one["disabledPlans"],
            "assignedByGroup": None,
            "state": "Active",
            "error": "None",
            "lastUpdatedDateTime": row["createdDateTime"],
        }
        for one in row["assignedLicenses"]
    ]


def _group(call: Call) -> Record:
    found = call.tenant.groups.get(call.params["group"])
    if found is None:
        raise not_found(call.params["group"])
    return found


def _refuse_exchanges(group: Record) -> None:
    if group.props["mailEnabled"] and "Unified" not in group.props.get("groupTypes", ()):
        raise bad_request("Cannot Update a mail-enabled security groups and or distribution list.")


def _write(call: Call, group: Record, members: frozenset[str], member: str) -> None:
    before = member in group.props["members"]
    group.write({"members": members}, call.now, call.lab.faults.lag)
    call.wrote(f"groups/{group.id}/members/{member}", before, not before)
