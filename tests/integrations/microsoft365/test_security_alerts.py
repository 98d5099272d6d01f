from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tenantry.errors import PermissionMissing, VendorFault
from tests.conformance.security_alerts import SecurityAlertsConformance, SecurityAlertsWorld
from tests.integrations.microsoft365.conftest import Stand
from tests.tenantry.alerts.samples import GRAPH

AT = datetime(2026, 11, 20, 9, 2, tzinfo=UTC)


def given(stand: Stand) -> None:
    posture = stand.lab.tenant.posture
    when = {"open": AT, "over": AT + timedelta(minutes=1), "old": AT - timedelta(days=200)}
    for name, at in when.items():
        status = "resolved" if name == "over" else "new"
        posture.alerts.append({**GRAPH, "id": name, "lastUpdateDateTime": at.isoformat()[:19] + "Z", "status": status})
    posture.incidents.append(
        {
            "id": "28282",
            "displayName": "Mail is forwarded",
            "severity": "high",
            "status": "active",
            "tenantId": GRAPH["tenantId"],
            "createdDateTime": GRAPH["createdDateTime"],
            "lastUpdateDateTime": "2026-11-20T09:02:00Z",
        }
    )


@pytest.fixture
async def world(stand: Stand) -> SecurityAlertsWorld:
    given(stand)
    provider = (await stand.open()).capability("security_alerts")
    return SecurityAlertsWorld(provider, AT, "open", "over", "old", "account:dana@acme.example")


class TestSecurityAlerts(SecurityAlertsConformance):
    async def test_an_incident_comes_with_whom_its_alerts_name(self, world: SecurityAlertsWorld) -> None:
        (incident,) = [one async for one in world.provider.alerts(world.at) if one.kind == "graph_incident"]
        assert incident.id == "28282"
        assert {one["id"] for one in incident.raw["alerts"]} == {"open", "over", "old"}

    async def test_half_pages_lose_nothing(self, world: SecurityAlertsWorld, stand: Stand) -> None:
        stand.faults(partial_page_rate=1.0)
        found = [one.id async for one in world.provider.alerts(world.at)]
        assert sorted(found) == ["28282", "open", "over"]

    async def test_a_permission_that_is_missing_is_named(self, world: SecurityAlertsWorld, stand: Stand) -> None:
        def refused(request: httpx.Request) -> httpx.Response | None:
            if "/security/incidents" not in request.url.path:
                return None
            return httpx.Response(403, json={"error": {"code": "Forbidden", "message": "no"}})

        stand.wire.instead = refused
        with pytest.raises(PermissionMissing) as caught:
            _ = [one async for one in world.provider.alerts(world.at)]
        assert "SecurityIncident.Read.All" in str(caught.value.detail)

    async def test_one_without_a_time_is_not_passed_over(self, world: SecurityAlertsWorld, stand: Stand) -> None:
        def odd(request: httpx.Request) -> httpx.Response | None:
            if "/security/alerts_v2" not in request.url.path:
                return None
            return httpx.Response(200, json={"value": [{"id": "x"}]})

        stand.wire.instead = odd
        with pytest.raises(VendorFault):
            _ = [one async for one in world.provider.alerts(world.at)]
