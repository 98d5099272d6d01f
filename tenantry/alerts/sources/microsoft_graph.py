"""Microsoft Defender XDR and Entra ID Protection, as Graph gives their alerts.

One alert of ``/security/alerts_v2`` or a list of them under ``value``, pushed by whatever the client's side forwards them with (a Logic App,
say). https://learn.microsoft.com/graph/api/resources/security-alert
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tenantry.alerts.model import MAX_ENTITIES, Alert, Entity
from tenantry.alerts.reading import Reading, techniques
from tenantry.alerts.source import Source, listed

__all__ = ["SEVERITY", "MicrosoftGraph", "named"]

SEVERITY: Final = {"informational": "info", "low": "low", "medium": "medium", "high": "high"}
_EVIDENCE: Final = (
    ("userAccount.userPrincipalName", "account"),
    ("deviceDnsName", "host"),
    ("primaryAddress", "mailbox"),
    ("appId", "application"),
    ("ipAddress", "address"),
)
"""Where an alert's evidence names whom, whatever kind of evidence it is."""


class MicrosoftGraph(Source):
    """Alerts of Microsoft Defender and Entra, in Graph's form."""

    kind = "microsoft_graph"
    title = "Microsoft Defender and Entra (Graph)"
    proofs = ("token", "hmac")

    def items(self, body: Any, settings: Mapping[str, Any]) -> list[Any]:
        del settings
        return listed(body, "value")

    def read(self, item: Reading, settings: Mapping[str, Any]) -> Alert | None:
        del settings
        found = item.text("id", 150)
        kind = item.maybe("category") or item.maybe("detectionSource") or "alert"
        status = item.maybe("status")
        entities = named(item)
        return Alert(
            uid=f"{found}@{item.maybe('lastUpdateDateTime', 60) or 'first'}",
            finding=found,
            title=item.text("title"),
            desc=item.maybe("description", 4_000),
            severity=SEVERITY.get(item.maybe("severity").lower(), "medium"),
            types=(kind,),
            attacks=techniques(item.values("mitreTechniques")),
            entities=tuple(entities.values())[:MAX_ENTITIES],
            customer=item.maybe("tenantId") or None,
            at=item.time("createdDateTime"),
            product=item.maybe("serviceSource") or "Microsoft",
            same=(item.text("title"), kind),
            resolved=status == "resolved",
        )


def named(alert: Reading) -> dict[str, Entity]:
    """Whom an alert's evidence names, by `Entity.key`."""
    entities: dict[str, Entity] = {}
    for evidence in alert.objects("evidence"):
        for path, of in _EVIDENCE:
            if name := evidence.maybe(path):
                entity = Entity(type=of, id=name)
                entities.setdefault(entity.key(), entity)
    return entities
