"""Prefect's events, as an automation's "call a webhook" sends them: ``{{ event.model_dump_json() }}``. https://docs.prefect.io/v3/concepts/events"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tenantry.alerts.model import Alert, Entity, clean
from tenantry.alerts.reading import Reading
from tenantry.alerts.source import Source

_SEVERITY: Final = {"Failed": "medium", "Crashed": "high", "TimedOut": "medium"}
_TENANT: Final = "prefect.tag.tenant:"


class Prefect(Source):
    """Prefect's events about flow runs that failed or crashed; others are no alerts."""

    kind = "prefect"
    title = "Prefect's events"
    proofs = ("token", "hmac")

    def read(self, item: Reading, settings: Mapping[str, Any]) -> Alert | None:
        del settings
        event = item.text("event")
        state = event.removeprefix("prefect.flow-run.")
        if state == event or state not in _SEVERITY:
            return None
        # Names in a resource have dots themselves.
        found = item.at("resource")
        labels = (
            {n: clean(v, 200) for n, v in found.items() if isinstance(v, str)} if isinstance(found, Mapping) else {}
        )
        run = labels.get("prefect.resource.id", "")
        tags = [one.get("prefect.resource.id", "") for one in item.values("related") if isinstance(one, dict)]
        tenant = next(
            (tag.removeprefix(_TENANT) for tag in tags if isinstance(tag, str) and tag.startswith(_TENANT)), None
        )
        return Alert(
            uid=item.text("id", 150),
            finding=run[:300] or item.text("id", 150),
            title=f"{state}: {labels.get('prefect.resource.name', run)}"[:300],
            severity=_SEVERITY[state],
            types=(event,),
            entities=(Entity(type="flow_run", id=run[:300]),) if run else (),
            customer=tenant,
            at=item.time("occurred"),
            product="Prefect",
            same=(event,),
        )
