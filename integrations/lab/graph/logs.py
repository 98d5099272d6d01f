"""Sign-ins, directory audits and the unified audit log.

Sources: Graph v1.0 reference, "List signIns", "List directoryAudits", "Create auditLogQuery", "List auditLogRecords"; the reports' quota of 5 requests per
10 seconds is from "Microsoft Graph service-specific throttling limits".
"""

from __future__ import annotations

from typing import Any

from integrations.lab.clock import parse_iso
from integrations.lab.graph.call import Call, Row, bad_request, not_found
from integrations.lab.graph.names import SIGN_IN
from integrations.lab.graph.routing import Routes
from integrations.lab.records import Record
from integrations.lab.web import Answer

routes = Routes("reports")

_READ = "AuditLog.Read.All"
_TIMES = ("eq", "ge", "gt", "le", "lt")
_SIGN_IN_FILTERS = {
    "id": ("eq",),
    "createdDateTime": _TIMES,
    "userId": ("eq",),
    "userPrincipalName": ("eq", "startswith"),
    "userDisplayName": ("eq", "startswith"),
    "appId": ("eq",),
    "appDisplayName": ("eq", "startswith"),
    "ipAddress": ("eq", "startswith"),
    "status/errorCode": ("eq",),
    "isInteractive": ("eq",),
    "location/countryOrRegion": ("eq",),
}
_BETA_SIGN_IN_FILTERS = {**_SIGN_IN_FILTERS, "servicePrincipalId": ("eq",), "signInEventTypes": ("any", "eq")}
_AUDIT_FILTERS = {
    "id": ("eq",),
    "activityDateTime": _TIMES,
    "activityDisplayName": ("eq", "startswith"),
    "category": ("eq",),
    "correlationId": ("eq",),
    "loggedByService": ("eq",),
    "initiatedBy/user/id": ("eq",),
    "initiatedBy/user/userPrincipalName": ("eq", "startswith"),
    "initiatedBy/user/displayName": ("eq",),
    "initiatedBy/app/appId": ("eq",),
    "initiatedBy/app/displayName": ("eq",),
    "targetResources": ("any",),
    "targetResources/id": ("eq",),
    "targetResources/displayName": ("eq", "startswith"),
    "targetResources/userPrincipalName": ("eq", "startswith"),
}
_AUDIT_NAMES = frozenset(
    [
        "id",
        "activityDateTime",
        "activityDisplayName",
        "additionalDetails",
        "category",
        "correlationId",
        "initiatedBy",
        "loggedByService",
        "operationType",
        "result",
        "resultReason",
        "targetResources",
    ]
)


@routes.add("GET", "auditLogs/signIns", _READ, options="filter top skiptoken orderby")
def sign_ins(call: Call) -> Answer:
    """Sign-ins, newest first. v1.0 has the interactive ones only; beta takes a filter on the kind."""
    _newest_first(call, "createdDateTime")
    beta = call.version == "beta"
    chosen = call.filter(_BETA_SIGN_IN_FILTERS if beta else _SIGN_IN_FILTERS, SIGN_IN)
    by_kind = chosen is not None and any(term.path == "signInEventTypes" for term in chosen.terms)
    rows = [
        row
        for row in call.tenant.sign_ins
        if (by_kind or row["isInteractive"]) and (chosen is None or chosen.matches(row))
    ]
    return call.page(
        "auditLogs/signIns",
        rows,
        lambda row: _shape(call, row),
        default=1000,
        maximum=1000,
    )


def _shape(call: Call, row: Row) -> Row:
    if call.version == "beta":
        return row
    return {name: value for name, value in row.items() if name != "signInEventTypes"}


@routes.add("GET", "auditLogs/signIns/{id}", _READ)
def sign_in(call: Call) -> Answer:
    """One sign-in."""
    found = next((row for row in call.tenant.sign_ins if row["id"] == call.params["id"]), None)
    if found is None:
        raise not_found(call.params["id"])
    return call.one("auditLogs/signIns/$entity", _shape(call, found))


@routes.add("GET", "auditLogs/directoryAudits", _READ, options="filter top skiptoken orderby")
def directory_audits(call: Call) -> Answer:
    """The directory's own log, newest first."""
    _newest_first(call, "activityDateTime")
    chosen = call.filter(_AUDIT_FILTERS, _AUDIT_NAMES)
    rows = [row for row in call.tenant.directory_audits if chosen is None or chosen.matches(row)]
    return call.page("auditLogs/directoryAudits", rows, lambda row: row, default=1000, maximum=1000)


def _newest_first(call: Call, name: str) -> None:
    order = call.option("$orderby")
    if order is not None and order.split() != [name, "desc"]:
        raise bad_request("Unsupported Query: only the newest first.", "Request_UnsupportedQuery")


# --- the unified audit log --------------------------------------------------------------------------------------------

_QUERY_READ = (
    "AuditLogsQuery.Read.All AuditLogsQuery-Exchange.Read.All AuditLogsQuery-Entra.Read.All "
    "AuditLogsQuery-SharePoint.Read.All AuditLogsQuery-OneDrive.Read.All"
)
_LISTS = [
    "recordTypeFilters",
    "serviceFilters",
    "operationFilters",
    "userPrincipalNameFilters",
    "ipAddressFilters",
    "objectIdFilters",
    "administrativeUnitIdFilters",
]
_QUERY: dict[str, type | tuple[type, ...]] = {
    "displayName": str,
    "filterStartDateTime": str,
    "filterEndDateTime": str,
    "keywordFilter": str,
    **dict.fromkeys(_LISTS, list),
}


@routes.add("POST", "security/auditLog/queries", _QUERY_READ, family="security")
def create_query(call: Call) -> Answer:
    """Start a search. It takes its time: poll until it has succeeded."""
    body = call.json(_QUERY, ("filterStartDateTime", "filterEndDateTime"))
    for name in _LISTS:
        if not all(isinstance(value, str) for value in body.get(name, [])):
            raise bad_request(f"Invalid value specified for property '{name}'.")
    try:
        begin, end = parse_iso(body["filterStartDateTime"]), parse_iso(body["filterEndDateTime"])
    except ValueError:
        raise bad_request("The filter times are not valid.") from None
    if begin >= end:
        raise bad_request("The start of the search must lie before its end.")
    props = {name: body.get(name, [] if name in _LISTS else None) for name in _QUERY}
    record = Record(call.tenant.serial("auditQuery"), {**props, "polls": 0})
    call.tenant.audit_queries.add(record)
    return Answer(201, {"@odata.context": f"{call.root}/$metadata#queries/$entity", **_query(record, "notStarted")})


@routes.add("GET", "security/auditLog/queries", _QUERY_READ, options="top skiptoken", family="security")
def list_queries(call: Call) -> Answer:
    """Searches started so far."""
    rows = list(call.tenant.audit_queries)
    return call.page("security/auditLog/queries", rows, lambda row: _query(row, _status(call, row)))


@routes.add("GET", "security/auditLog/queries/{query}", _QUERY_READ, family="security")
def get_query(call: Call) -> Answer:
    """How far a search is. Each look brings it nearer."""
    record = _found(call)
    record.props["polls"] += 1
    return call.one("security/auditLog/queries/$entity", _query(record, _status(call, record)))


@routes.add("GET", "security/auditLog/queries/{query}/records", _QUERY_READ, options="top skiptoken", family="security")
def records(call: Call) -> Answer:
    """What a search found; nothing before it has succeeded, and no error either."""
    record = _found(call)
    if _status(call, record) != "succeeded":
        return call.page("security/auditLog/queries/records", [], lambda row: row, default=150)
    rows = [row for row in call.tenant.unified if _matches(record.props, row)]
    return call.page("security/auditLog/queries/records", rows, lambda row: row, default=150, maximum=1000)


def _found(call: Call) -> Record:
    record = call.tenant.audit_queries.get(call.params["query"])
    if record is None:
        raise not_found(call.params["query"], "UnknownError")
    return record


def _status(call: Call, record: Record) -> str:
    polls = record.props["polls"]
    if polls >= call.lab.audit_query_polls:
        return "succeeded"
    return "running" if polls else "notStarted"


def _query(record: Record, status: str) -> dict[str, Any]:
    props = {name: value for name, value in record.props.items() if name != "polls"}
    return {"id": record.id, **props, "status": status}


def _matches(query: dict[str, Any], row: dict[str, Any]) -> bool:
    at = parse_iso(row["createdDateTime"])
    if not parse_iso(query["filterStartDateTime"]) <= at <= parse_iso(query["filterEndDateTime"]):
        return False
    for name, key in (
        ("recordTypeFilters", "auditLogRecordType"),
        ("serviceFilters", "service"),
        ("operationFilters", "operation"),
        ("userPrincipalNameFilters", "userPrincipalName"),
        ("objectIdFilters", "objectId"),
    ):
        wanted = [value.casefold() for value in query[name]]
        if wanted and str(row[key]).casefold() not in wanted:
            return False
    addresses = query["ipAddressFilters"]
    if addresses and row["clientIp"].partition(":")[0] not in addresses:
        return False
    keyword = query["keywordFilter"]
    return not keyword or keyword.casefold() in str(row).casefold()
