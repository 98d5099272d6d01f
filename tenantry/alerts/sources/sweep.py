"""Our own sweeps' findings, in the shape of the command line's contract (``Finding``), listed under ``findings`` with their ``tenant``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenantry.alerts.model import ENTITY_TYPES, Alert, Entity
from tenantry.alerts.reading import Reading, techniques
from tenantry.alerts.source import Source
from tenantry.errors import InvalidInput
from tenantry.sweep.model import SEVERITIES


class Sweep(Source):
    """Findings of a sweep, of logs or of a tenant."""

    kind = "sweep"
    title = "Tenantry's sweeps"
    proofs = ("hmac", "token")

    def items(self, body: Any, settings: Mapping[str, Any]) -> list[Any]:
        del settings
        message = Reading(body)
        tenant = message.maybe("tenant")
        return [{"tenant": tenant, "finding": one} for one in message.values("findings")]

    def read(self, item: Reading, settings: Mapping[str, Any]) -> Alert | None:
        del settings
        rule, severity = item.text("finding.rule"), item.text("finding.severity")
        if severity not in SEVERITIES:
            raise InvalidInput(f"is none of {', '.join(SEVERITIES)}", place="finding.severity")
        of, name = item.text("finding.entity.type"), item.text("finding.entity.id")
        seen = item.maybe("finding.last_seen", 60)
        found = f"{rule}/{of}/{name}"[:200]
        return Alert(
            uid=f"{item.maybe('finding.id', 60) or found}@{seen}",
            finding=found,
            title=item.text("finding.title"),
            desc=item.maybe("finding.evidence", 4_000) if isinstance(item.at("finding.evidence"), str) else "",
            severity=severity,
            types=(rule,),
            attacks=techniques(item.values("finding.attack")),
            entities=(Entity(type=of if of in ENTITY_TYPES else "other", id=name),),
            customer=item.maybe("tenant") or None,
            at=item.time("finding.last_seen"),
            product="Tenantry",
            same=(rule,),
        )
