"""OneDrives: what lies in each, and who may open it.

Sources: Graph v1.0 reference, "Get drive", "List children", "List sharing permissions", "driveItem: invite", "Delete sharing permission". The vendor refuses
`retainInheritedPermissions` where it is given, and neither an owner's own permission nor an inherited one is deleted on an item.
"""

from __future__ import annotations

from typing import Any

from integrations.lab.clock import iso
from integrations.lab.graph.call import Call, bad_request, not_found
from integrations.lab.graph.routing import Routes
from integrations.lab.records import Record
from integrations.lab.web import Answer

routes = Routes("directory")

_READ = "Files.Read.All Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All"
_WRITE = "Files.ReadWrite.All Sites.ReadWrite.All"
_ROLES = ("read", "write")


@routes.add("GET", "users/{user}/drive", _READ)
def drive_of(call: Call) -> Answer:
    """The drive of a user; one who has no licence for it has none."""
    index = call.user_index()
    user = call.tenant.directory.peek(index)
    if not user.view(call.now)["assignedLicenses"]:
        raise not_found(call.params["user"])
    return call.one(
        "drives/$entity",
        {
            "id": call.tenant.drive_id(index),
            "createdDateTime": iso(call.tenant.start),
            "driveType": "business",
            "name": "OneDrive",
            "owner": {"user": {"id": user.id, "displayName": user.props["displayName"]}},
        },
    )


@routes.add("GET", "drives/{drive}/items/{item}/children", _READ, options="top skiptoken")
def children(call: Call) -> Answer:
    """What lies at the top, or in a folder."""
    folder = None if call.params["item"] == "root" else _item(call).id
    rows = [row for row in _items(call) if row.props.get("parent") == folder]
    return call.page("driveItems", rows, lambda row: _shape(call, row))


@routes.add("GET", "drives/{drive}/items/{item}/permissions", _READ, options="top skiptoken")
def permissions(call: Call) -> Answer:
    """Who may open an item."""
    item = _item(call)
    return call.page("permissions", [*item.view(call.now)["permissions"], *_inherited(call, item)], lambda row: row)


@routes.add("POST", "drives/{drive}/items/{item}/invite", _WRITE)
def invite(call: Call) -> Answer:
    """Give people of the tenant a right on an item."""
    item = _item(call)
    flags = {"requireSignIn": bool, "sendInvitation": bool}
    body = call.json({**flags, "recipients": list, "roles": list, "message": str}, ("recipients", "roles"))
    if not body["roles"] or any(role not in _ROLES for role in body["roles"]):
        raise bad_request("Invalid value for role")
    made = [_permission(call, one, body["roles"]) for one in body["recipients"]]
    if not made:
        raise bad_request("At least one recipient is required")
    new = {row["grantedToV2"]["user"]["id"] for row in made}
    kept = [row for row in item.props["permissions"] if "link" in row or row["grantedToV2"]["user"]["id"] not in new]
    _write(call, item, [*kept, *made], "invite")
    return call.one("permission", {"value": made})


@routes.add("DELETE", "drives/{drive}/items/{item}/permissions/{permission}", _WRITE)
def uninvite(call: Call) -> Answer:
    """Take it back."""
    item = _item(call)
    found = next((row for row in item.props["permissions"] if row["id"] == call.params["permission"]), None)
    if found is None:
        if any(row["id"] == call.params["permission"] for row in _inherited(call, item)):
            raise bad_request("Inherited permissions cannot be removed here")
        raise not_found(call.params["permission"])
    if "owner" in found["roles"]:
        raise bad_request("The owner's permission cannot be removed")
    _write(call, item, [row for row in item.props["permissions"] if row is not found])
    return Answer(204)


def _items(call: Call) -> list[Record]:
    found = call.tenant.drive(call.params["drive"])
    if found is None:
        raise not_found(call.params["drive"])
    return found.listed(call.now)


def _item(call: Call) -> Record:
    found = next((row for row in _items(call) if row.id == call.params["item"]), None)
    if found is None:
        raise not_found(call.params["item"])
    return found


def _inherited(call: Call, item: Record) -> list[dict[str, Any]]:
    """What others have through the folders above."""
    found, items = list[dict[str, Any]](), {row.id: row for row in _items(call)}
    above = items.get(str(item.props.get("parent")))
    while above is not None:
        origin = {"driveId": call.params["drive"], "id": above.id}
        found += [{**row, "inheritedFrom": origin} for row in _of_others(call, above)]
        above = items.get(str(above.props.get("parent")))
    return found


def _of_others(call: Call, item: Record) -> list[dict[str, Any]]:
    return [row for row in item.view(call.now)["permissions"] if "owner" not in row["roles"]]


def _shape(call: Call, row: Record) -> dict[str, Any]:
    shown = {name: value for name, value in row.view(call.now).items() if name not in ("permissions", "parent")}
    if "folder" in shown:
        shown["folder"] = {"childCount": sum(one.props.get("parent") == row.id for one in _items(call))}
    given = [*_of_others(call, row), *_inherited(call, row)]
    if given:
        reaches = {one["link"]["scope"] for one in given if "link" in one}
        shown["shared"] = {"scope": next((one for one in ("anonymous", "organization") if one in reaches), "users")}
    return shown


def _permission(call: Call, recipient: Any, roles: list[str]) -> dict[str, Any]:
    key = str(recipient.get("objectId") or recipient.get("email") or "")
    index = call.tenant.directory.resolve(key)
    if index is None:
        raise bad_request("One or more recipients could not be resolved")
    user = call.tenant.directory.peek(index)
    whose = {"user": {"id": user.id, "displayName": user.props["displayName"]}}
    return {"id": call.tenant.serial("permission"), "roles": list(roles), "grantedToV2": whose}


def _write(call: Call, item: Record, rows: list[dict[str, Any]], action: str = "") -> None:
    before = item.write({"permissions": rows}, call.now, call.lab.faults.lag)["permissions"]
    target = f"drives/{call.params['drive']}/items/{item.id}/permissions"
    call.wrote(target, [row["id"] for row in before], [row["id"] for row in rows], action)
