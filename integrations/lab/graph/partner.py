"""Delegated relationships with customers (GDAP), as a partner's own tenant shows them.

Sources: Graph v1.0 reference, "List delegatedAdminRelationships", "Create delegatedAdminRelationship", "Create requests" (``lockForApproval``, ``terminate``).
The customer's administrator approves in their own portal; here it is ``POST /_lab/gdap`` (`integrations.lab.administrator`).
"""

from __future__ import annotations

import re
from typing import Any

from integrations.lab.clock import iso
from integrations.lab.graph.call import Call, bad_request, not_found, refusal
from integrations.lab.graph.routing import Routes
from integrations.lab.web import Answer

routes = Routes("directory")

_READ = "DelegatedAdminRelationship.Read.All DelegatedAdminRelationship.ReadWrite.All"
_WRITE = "DelegatedAdminRelationship.ReadWrite.All"
_DURATION = re.compile(r"P(?:\d{1,3}D|[12]Y)")
_LIST = "tenantRelationships/delegatedAdminRelationships"
_CONTEXT = "tenantRelationships/delegatedAdminRelationships"


_BECOMES = {
    ("lockForApproval", "created"): "approvalPending",
    ("terminate", "active"): "terminating",
    ("terminate", "expiring"): "terminating",
}
"""Action and status → the status after it."""


@routes.add("GET", _LIST, _READ, options="top skiptoken")
def list_relationships(call: Call) -> Answer:
    """All of them, whatever has become of them."""
    shown = [dict(row) for row in call.lab.relationships.values()]
    for row in call.lab.relationships.values():
        if row["status"] == "terminating":  # seen once
            row["status"] = "terminated"
    return call.page(_CONTEXT, shown, lambda row: row)


@routes.add("GET", f"{_LIST}/{{relationship}}", _READ)
def get_relationship(call: Call) -> Answer:
    """One, by id."""
    return call.one(f"{_CONTEXT}/$entity", _found(call))


@routes.add("POST", _LIST, _WRITE)
def create_relationship(call: Call) -> Answer:
    """Propose one; names are unique."""
    body = call.json(
        {"displayName": str, "duration": str, "autoExtendDuration": str, "customer": dict, "accessDetails": dict},
        ("displayName", "duration", "accessDetails"),
    )
    roles = body["accessDetails"].get("unifiedRoles")
    if not isinstance(roles, list) or not roles or not all(set(role) == {"roleDefinitionId"} for role in roles):
        raise bad_request("accessDetails must name unifiedRoles.")
    if not 0 < len(body["displayName"]) <= 50 or not _DURATION.fullmatch(body["duration"]):
        raise bad_request("Invalid displayName or duration.")
    if any(row["displayName"] == body["displayName"] for row in call.lab.relationships.values()):
        raise refusal(409, "Conflict", "A relationship with this displayName exists.")
    key = f"{call.lab.dice.guid('relationship', call.lab.writes)}-{call.lab.dice.guid('partner')}"
    made: dict[str, Any] = {
        "id": key,
        **{name: value for name, value in body.items() if not name.startswith("@")},
        "status": "created",
        "createdDateTime": iso(call.lab.now()),
        "lastModifiedDateTime": iso(call.lab.now()),
        "activatedDateTime": None,
        "endDateTime": None,
    }
    call.lab.relationships[key] = made
    call.wrote(f"{_LIST}/{key}", None, {"status": "created"})
    return Answer(201, {"@odata.context": f"{call.root}/$metadata#{_CONTEXT}/$entity", **made})


@routes.add("POST", f"{_LIST}/{{relationship}}/requests", _WRITE)
def request_of(call: Call) -> Answer:
    """Hand it to the customer for approval, or end it."""
    found = _found(call)
    action = call.json({"action": str}, ("action",))["action"]
    before, after = found["status"], _BECOMES.get((action, found["status"]))
    if after is None:
        raise bad_request(f"The action is not possible while the relationship is {before}.")
    found["status"] = after
    call.wrote(f"{_LIST}/{found['id']}", {"status": before}, {"status": after}, action)
    made = {"id": call.lab.dice.guid("request", call.lab.writes), "action": action, "status": "created"}
    return Answer(
        201, {"@odata.context": f"{call.root}/$metadata#{_CONTEXT}('{found['id']}')/requests/$entity", **made}
    )


def _found(call: Call) -> dict[str, Any]:
    found: dict[str, Any] | None = call.lab.relationships.get(call.params["relationship"])
    if found is None:
        raise not_found(call.params["relationship"])
    return found
