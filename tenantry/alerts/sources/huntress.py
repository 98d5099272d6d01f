"""Huntress's webhooks: incident reports and escalations, signed by Svix. https://api.huntress.io/v1/webhooks_doc.json"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tenantry.alerts.model import Alert, Entity
from tenantry.alerts.reading import Reading
from tenantry.alerts.source import Source

_EVENTS: Final = frozenset(
    {"incident_report.created", "incident_report.closed", "escalation.created", "escalation.closed"}
)
_SEVERITY: Final = {"low": "low", "high": "high", "critical": "critical"}


class Huntress(Source):
    """Huntress's incident reports and escalations."""

    kind = "huntress"
    title = "Huntress"
    proofs = ("svix", "token")

    def read(self, item: Reading, settings: Mapping[str, Any]) -> Alert | None:
        del settings
        event = item.text("event_type")
        if event not in _EVENTS:
            return None
        found = item.text("id", 150)
        host, agent = item.maybe("agent.hostname"), item.maybe("agent_id")
        name = item.maybe("subject") or item.text("summary")
        return Alert(
            uid=f"{event}/{found}",
            finding=found,
            title=name,
            desc=item.maybe("body", 4_000),
            severity=_SEVERITY.get(item.maybe("severity").lower(), "high"),
            types=(event.partition(".")[0],),
            entities=(Entity(type="host", id=host or f"agent {agent}"),) if host or agent else (),
            customer=item.text("organization.id"),
            at=item.time("created_at"),
            product="Huntress",
            same=(event.partition(".")[0], name),
            resolved=event.endswith(".closed"),
        )
