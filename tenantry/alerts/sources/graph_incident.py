"""Incidents of Microsoft Defender XDR, as Graph gives them with their alerts.

https://learn.microsoft.com/graph/api/resources/security-incident
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tenantry.alerts.model import MAX_ENTITIES, Alert, Entity
from tenantry.alerts.reading import Reading, techniques
from tenantry.alerts.source import Source, listed
from tenantry.alerts.sources.microsoft_graph import SEVERITY, named

_OVER: Final = frozenset({"resolved", "redirected"})


class GraphIncident(Source):
    """Incidents of Microsoft Defender, in Graph's form."""

    kind = "graph_incident"
    title = "Incidents of Microsoft Defender (Graph)"
    proofs = ("token", "hmac")

    def items(self, body: Any, settings: Mapping[str, Any]) -> list[Any]:
        del settings
        return listed(body, "value")

    def read(self, item: Reading, settings: Mapping[str, Any]) -> Alert | None:
        del settings
        found = item.text("id", 150)
        entities: dict[str, Entity] = {}
        attacks: list[Any] = []
        types: dict[str, None] = {}
        for alert in item.objects("alerts"):
            entities |= {key: one for key, one in named(alert).items() if key not in entities}
            attacks += alert.values("mitreTechniques")
            types |= dict.fromkeys([alert.maybe("category")] if alert.maybe("category") else [])
        title = item.maybe("displayName") or f"Incident {found}"
        return Alert(
            uid=f"{found}@{item.maybe('lastUpdateDateTime', 60) or 'first'}",
            finding=found,
            title=title,
            desc=item.maybe("summary", 4_000) or item.maybe("description", 4_000),
            severity=SEVERITY.get(item.maybe("severity").lower(), "medium"),
            types=tuple(types)[:20] or ("incident",),
            attacks=techniques(attacks),
            entities=tuple(entities.values())[:MAX_ENTITIES],
            customer=item.maybe("tenantId") or None,
            at=item.time("createdDateTime"),
            product="Microsoft Defender XDR",
            same=("incident", found),
            resolved=item.maybe("status") in _OVER,
        )
