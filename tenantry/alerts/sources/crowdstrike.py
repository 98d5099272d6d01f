"""CrowdStrike Falcon's alerts, in the form of its Alerts API (``/alerts/entities/alerts/v2``), one or listed under ``resources``.

Severities are numbers up to 100: https://falcon.crowdstrike.com/documentation, Alerts API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tenantry.alerts.model import Alert, Entity
from tenantry.alerts.reading import Reading, severity_of, techniques
from tenantry.alerts.source import Source, listed

_STEPS: Final = ((80.0, "critical"), (60.0, "high"), (40.0, "medium"), (20.0, "low"))


class Crowdstrike(Source):
    """CrowdStrike Falcon's alerts."""

    kind = "crowdstrike"
    title = "CrowdStrike Falcon"
    proofs = ("token", "hmac")

    def items(self, body: Any, settings: Mapping[str, Any]) -> list[Any]:
        del settings
        return listed(body, "resources")

    def read(self, item: Reading, settings: Mapping[str, Any]) -> Alert | None:
        del settings
        found = item.text("composite_id", 200)
        kind = item.maybe("technique_id") or item.maybe("name") or "alert"
        entities = [("host", item.maybe("device.hostname")), ("account", item.maybe("user_principal"))]
        return Alert(
            uid=f"{found}@{item.maybe('updated_timestamp', 60) or 'first'}",
            finding=found,
            title=item.maybe("display_name") or item.text("name"),
            desc=item.maybe("description", 4_000),
            severity=severity_of(item.number("severity"), _STEPS),
            types=(kind,),
            attacks=techniques([item.at("technique_id")]),
            entities=tuple(Entity(type=of, id=name) for of, name in entities if name),
            customer=item.text("cid"),
            at=item.time("created_timestamp"),
            product="CrowdStrike Falcon",
            same=(kind, item.maybe("name")),
            resolved=item.maybe("status") == "closed",
        )
