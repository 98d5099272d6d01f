"""``security_alerts`` for Microsoft 365: what Defender XDR and Entra ID Protection found, through Microsoft Graph.

========= ============================= ========================================= ===============
rows of   application permission        page (learn.microsoft.com/graph/api/)     requests
========= ============================= ========================================= ===============
alerts    SecurityAlert.Read.All        security-list-alerts_v2                   alerts / 500
incidents SecurityIncident.Read.All     security-list-incidents (with alerts)     incidents / 50
========= ============================= ========================================= ===============

Both lists are filtered by ``lastUpdateDateTime`` and come in no order that is promised. An incident is read with its alerts, whose evidence says
whom it is about; incidents that were merged into another (``redirected``) are that other one. 150 requests a minute are allowed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from integrations.microsoft365._read import odata_time
from integrations.microsoft365.graph import Graph
from tenantry.capabilities.security_alerts import SecurityAlert
from tenantry.errors import VendorFault

__all__ = ["Microsoft365SecurityAlerts"]

_LISTS: Final = (
    ("/security/alerts_v2", "microsoft_graph", "SecurityAlert.Read.All", {"$top": "500"}),
    ("/security/incidents", "graph_incident", "SecurityIncident.Read.All", {"$top": "50", "$expand": "alerts"}),
)


class Microsoft365SecurityAlerts:
    """Implements :class:`tenantry.capabilities.SecurityAlerts`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def alerts(self, since: datetime) -> AsyncIterator[SecurityAlert]:
        """Alerts, then incidents; one page in memory."""
        for path, kind, needs, options in _LISTS:
            params = {"$filter": f"lastUpdateDateTime ge {odata_time(since)}", **options}
            async for row in self._graph.rows(path, params=params, needs=needs):
                yield _alert(kind, row)


def _alert(kind: str, row: Mapping[str, Any]) -> SecurityAlert:
    try:
        at = datetime.fromisoformat(str(row["lastUpdateDateTime"]))
        return SecurityAlert(kind=kind, id=str(row["id"]), updated_at=at.astimezone(UTC), raw=dict(row))
    except (KeyError, ValueError):
        raise VendorFault("Graph listed an alert without its id or time", vendor="microsoft365") from None
