"""NinjaOne's webhook: activities. It is not signed: a secret header is configured with it. https://app.ninjarmm.com/apidocs"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tenantry.alerts.model import Alert, Entity
from tenantry.alerts.reading import Reading
from tenantry.alerts.source import Source

_SEVERITY: Final = {"NONE": "info", "MINOR": "low", "MODERATE": "medium", "MAJOR": "high", "CRITICAL": "critical"}


class Ninjaone(Source):
    """NinjaOne's activities that are alerts: a condition was triggered or reset."""

    kind = "ninjaone"
    title = "NinjaOne"
    proofs = ("token", "hmac")

    def read(self, item: Reading, settings: Mapping[str, Any]) -> Alert | None:
        del settings
        status = item.text("statusCode").upper()
        if status not in {"TRIGGERED", "RESET"}:
            return None
        host, device = item.maybe("device.dnsName") or item.maybe("device.systemName"), item.maybe("deviceId")
        kind = item.text("activityType")
        return Alert(
            uid=item.text("id", 150),
            finding=item.maybe("seriesUid", 150) or item.text("id", 150),
            title=item.maybe("message") or kind,
            severity=_SEVERITY.get(item.maybe("severity").upper(), "medium"),
            types=(kind,),
            entities=(Entity(type="host", id=host or f"device {device}"),) if host or device else (),
            customer=item.maybe("device.organizationId") or item.maybe("organizationId") or None,
            at=item.time("activityTime"),
            product="NinjaOne",
            same=(kind, item.maybe("data.message.code")),
            resolved=status == "RESET",
        )
