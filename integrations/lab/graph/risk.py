"""Identity Protection. Its throttling is one request a second and gives no Retry-After.

Sources: Graph v1.0 reference, "List riskyUsers", "riskyUser: confirmCompromised", "riskyUser: dismiss".
"""

from __future__ import annotations

from typing import Any

from integrations.lab.clock import iso7
from integrations.lab.graph.call import Call, bad_request, not_found
from integrations.lab.graph.names import RISKY_USER
from integrations.lab.graph.routing import Routes
from integrations.lab.records import Record
from integrations.lab.web import Answer

routes = Routes("risk")

_READ = "IdentityRiskyUser.Read.All IdentityRiskyUser.ReadWrite.All"
_WRITE = "IdentityRiskyUser.ReadWrite.All"


def _shape(call: Call, risk: Record) -> dict[str, Any]:
    user = call.tenant.directory.peek(risk.props["index"]).props
    view = {name: value for name, value in risk.view(call.now).items() if name != "index"}
    return {
        "id": user["id"],
        "isDeleted": False,
        "isProcessing": False,
        "userDisplayName": user["displayName"],
        "userPrincipalName": user["userPrincipalName"],
        **view,
    }


@routes.add("GET", "identityProtection/riskyUsers", _READ, options="filter top skiptoken select")
def list_risky(call: Call) -> Answer:
    """Users with a risk, past or present."""
    chosen = call.filter(dict.fromkeys(("id", "userPrincipalName", "riskLevel", "riskState"), ("eq",)), RISKY_USER)
    rows = [
        shown
        for index in call.tenant.directory.kept()
        if (risk := call.tenant.person(index).risk) is not None and (shown := _shape(call, risk))
    ]
    rows = [row for row in rows if chosen is None or chosen.matches(row)]
    return call.page("riskyUsers", rows, lambda row: row, maximum=500)


@routes.add("GET", "identityProtection/riskyUsers/{user}", _READ)
def get_risky(call: Call) -> Answer:
    """The risk of one user; 404 for a user without one."""
    risk = call.person().risk
    if risk is None or "@" in call.params["user"]:
        raise not_found(call.params["user"])
    return call.one("riskyUsers/$entity", _shape(call, risk))


@routes.add("POST", "identityProtection/riskyUsers/confirmCompromised", _WRITE)
def confirm(call: Call) -> Answer:
    """An administrator says: compromised."""
    return _judge(call, "confirmCompromised", "high", "confirmedCompromised", "adminConfirmedUserCompromised")


@routes.add("POST", "identityProtection/riskyUsers/dismiss", _WRITE)
def dismiss(call: Call) -> Answer:
    """An administrator says: no risk."""
    return _judge(call, "dismiss", "none", "dismissed", "adminDismissedAllRiskForUser")


def _judge(call: Call, action: str, level: str, state: str, detail: str) -> Answer:
    body = call.json({"userIds": list}, ["userIds"])
    ids = body["userIds"]
    if not ids or len(ids) > 60 or not all(isinstance(key, str) for key in ids):
        raise bad_request("userIds takes 1 to 60 ids.")
    indexes = [call.tenant.directory.resolve(key) if "@" not in key else None for key in ids]
    if None in indexes:
        raise not_found("riskyUser")
    changes = {
        "riskLevel": level,
        "riskState": state,
        "riskDetail": detail,
        "riskLastUpdatedDateTime": iso7(call.lab.now()),
    }
    for index in indexes:
        if index is None:
            continue
        call.tenant.directory.keep(index)
        person = call.tenant.person(index)
        if person.risk is None:
            person.risk = Record(
                call.tenant.directory.id_of(index),
                {
                    "index": index,
                    "riskLevel": "none",
                    "riskState": "none",
                    "riskDetail": "none",
                    "riskLastUpdatedDateTime": None,
                },
            )
        before = person.risk.write(changes, call.now, call.lab.faults.lag)
        call.wrote(f"riskyUsers/{call.tenant.directory.upn_of(index)}", before, changes, action)
    return Answer(204)
