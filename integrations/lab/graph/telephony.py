"""Telephone numbers of Teams.

Sources: Graph v1.0 reference, "List numberAssignments", "numberAssignment: assignNumber", "…: unassignNumber". Both are orders (202) with the place of their
result; the list is what says that one was carried out.
"""

from __future__ import annotations

from typing import Any

from integrations.lab.graph.call import Call, bad_request, not_found
from integrations.lab.graph.routing import Routes
from integrations.lab.records import Record
from integrations.lab.web import Answer

routes = Routes("directory")

_PATH = "admin/teams/telephoneNumberManagement/numberAssignments"
_READ = "TeamsTelephoneNumber.Read.All TeamsTelephoneNumber.ReadWrite.All"
_WRITE = "TeamsTelephoneNumber.ReadWrite.All"
_NAMES = frozenset({"assignmentTargetId", "assignmentStatus", "numberType", "telephoneNumber"})
_FILTERS = dict.fromkeys(_NAMES, ("eq",))
_CATEGORIES = ("primary", "private")


@routes.add("GET", _PATH, _READ, options="filter top")
def number_assignments(call: Call) -> Answer:
    """All numbers of the organisation, or those that a filter wants."""
    chosen = call.filter(_FILTERS, _NAMES)
    rows = [row.view(call.now) for row in call.tenant.numbers.listed(call.now)]
    wanted = [row for row in rows if chosen is None or chosen.matches(row)]
    return call.page("admin/teams/telephoneNumberManagement/numberAssignments", wanted, lambda row: row)


@routes.add("POST", f"{_PATH}/unassignNumber", _WRITE)
def unassign_number(call: Call) -> Answer:
    """Take a number from whom it belongs to."""
    found = _find(call, {"telephoneNumber": str, "numberType": str})
    if found.props["assignmentTargetId"] is None:
        raise bad_request("The telephone number is not assigned.")
    if found.props["numberSource"] == "onPremises":
        raise bad_request("The telephone number is managed on premises.")
    return _ordered(call, found, None, "unassigned")


@routes.add("POST", f"{_PATH}/assignNumber", _WRITE)
def assign_number(call: Call) -> Answer:
    """Give a free number to somebody."""
    names = ("telephoneNumber", "numberType", "assignmentTargetId", "assignmentCategory", "locationId")
    found = _find(call, dict.fromkeys(names, str))
    body = call.json(dict.fromkeys(names, str))
    if found.props["assignmentTargetId"] is not None:
        raise bad_request("The telephone number is already assigned.")
    if call.tenant.directory.resolve(str(body.get("assignmentTargetId"))) is None:
        raise not_found(str(body.get("assignmentTargetId")))
    if body.get("assignmentCategory", "primary") not in _CATEGORIES:
        raise bad_request("Invalid value for assignmentCategory")
    return _ordered(call, found, body["assignmentTargetId"], "userAssigned")


def _find(call: Call, names: dict[str, type]) -> Record:
    body = call.json(names)
    for row in call.tenant.numbers:
        if row.props["telephoneNumber"] == body.get("telephoneNumber"):
            if row.props["numberType"] != body.get("numberType"):
                raise bad_request("The telephone number is of another type.")
            return row
    raise not_found(str(body.get("telephoneNumber")))


def _ordered(call: Call, number: Record, target: Any, status: str) -> Answer:
    changes = {"assignmentTargetId": target, "assignmentStatus": status}
    before = number.write(changes, call.now, call.lab.faults.lag)
    call.wrote(f"{_PATH}/{number.props['telephoneNumber']}", before["assignmentTargetId"], target)
    place = f"{call.root}/admin/teams/telephoneNumberManagement/operations('{call.tenant.serial('operation')}')"
    return Answer(202, None, headers={"Location": place})
