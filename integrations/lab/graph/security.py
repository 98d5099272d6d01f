"""Alerts and incidents of Microsoft Defender.

Sources: Graph v1.0 reference, "List alerts_v2" ($count, $filter, $skip, $top up to 2,000; filters by assignedTo, classification, determination,
createdDateTime, lastUpdateDateTime, severity, serviceSource, status) and "List incidents" ($count, $filter, $skip, $top up to 50, $expand=alerts;
filters by assignedTo, classification, createdDateTime, determination, lastUpdateDateTime, severity, status). Neither takes $orderby here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.lab.graph.call import Call, bad_request
from integrations.lab.graph.routing import Routes
from integrations.lab.web import Answer

routes = Routes("security")

_TIMES = ("eq", "ge", "gt", "le", "lt")
_FILTERS: Mapping[str, tuple[str, ...]] = {
    "createdDateTime": _TIMES,
    "lastUpdateDateTime": _TIMES,
    **dict.fromkeys(("assignedTo", "classification", "determination", "severity", "status"), ("eq", "ne")),
}


@routes.add(
    "GET",
    "security/alerts_v2",
    "SecurityAlert.Read.All SecurityAlert.ReadWrite.All",
    options="count filter skip top skiptoken",
)
def alerts(call: Call) -> Answer:
    """What Defender found."""
    allowed = {**_FILTERS, "serviceSource": ("eq", "ne")}
    chosen = call.filter(allowed, allowed)
    rows = [row for row in call.tenant.posture.alerts if chosen is None or chosen.matches(row)]
    return call.page("security/alerts_v2", rows, lambda row: row, maximum=2_000)


@routes.add(
    "GET",
    "security/incidents",
    "SecurityIncident.Read.All SecurityIncident.ReadWrite.All",
    options="count expand filter skip top skiptoken",
)
def incidents(call: Call) -> Answer:
    """What Defender put together."""
    expand = call.option("$expand")
    if expand not in (None, "alerts"):
        raise bad_request("Parsing OData Select and Expand failed.")
    chosen = call.filter(_FILTERS, _FILTERS)
    rows = [row for row in call.tenant.posture.incidents if chosen is None or chosen.matches(row)]

    def shape(row: Mapping[str, Any]) -> Mapping[str, Any]:
        if expand is None:
            return row
        return {**row, "alerts": [one for one in call.tenant.posture.alerts if one.get("incidentId") == row["id"]]}

    return call.page("security/incidents", rows, shape, default=50, maximum=50)
