"""SentinelOne's threats, in the form of ``/web/api/v2.1/threats``, one or listed under ``data``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tenantry.alerts.model import Alert, Entity
from tenantry.alerts.reading import Reading
from tenantry.alerts.source import Source, listed

_SEVERITY: Final = {"malicious": "high", "suspicious": "medium"}


class Sentinelone(Source):
    """SentinelOne's threats."""

    kind = "sentinelone"
    title = "SentinelOne"
    proofs = ("token", "hmac")

    def items(self, body: Any, settings: Mapping[str, Any]) -> list[Any]:
        del settings
        return listed(body, "data")

    def read(self, item: Reading, settings: Mapping[str, Any]) -> Alert | None:
        del settings
        found = item.maybe("threatInfo.threatId", 150) or item.text("id", 150)
        name = item.text("threatInfo.threatName")
        kind = item.maybe("threatInfo.classification") or "threat"
        host = item.maybe("agentRealtimeInfo.agentComputerName")
        ransom = "ransom" in kind.lower()
        severity = _SEVERITY.get(item.maybe("threatInfo.confidenceLevel").lower(), "low")
        return Alert(
            uid=f"{found}@{item.maybe('threatInfo.updatedAt', 60) or 'first'}",
            finding=found,
            title=f"{kind}: {name}"[:300],
            severity="critical" if ransom and severity == "high" else severity,
            types=(kind,),
            entities=(Entity(type="host", id=host),) if host else (),
            customer=item.maybe("agentRealtimeInfo.siteId") or item.maybe("agentRealtimeInfo.accountId") or None,
            at=item.time("threatInfo.createdAt"),
            product="SentinelOne",
            same=(kind, item.maybe("threatInfo.sha256") or item.maybe("threatInfo.sha1") or name),
            resolved=item.maybe("threatInfo.incidentStatus") == "resolved",
        )
