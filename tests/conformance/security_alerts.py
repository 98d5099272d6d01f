"""What every provider of ``security_alerts`` must do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tenantry.alerts.reading import Reading
from tenantry.alerts.source import source
from tenantry.capabilities import SecurityAlerts


@dataclass
class SecurityAlertsWorld:
    """A tenant whose vendor lists alerts: one that was updated at ``at``, one that is over, and one of long before."""

    provider: SecurityAlerts
    at: datetime
    open: str
    over: str
    old: str
    entity: str
    """Key of whom the open one is about."""


class SecurityAlertsConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: SecurityAlertsWorld) -> None:
        assert isinstance(world.provider, SecurityAlerts)

    async def test_what_was_updated_since_with_the_moment_itself(self, world: SecurityAlertsWorld) -> None:
        found = [one.id async for one in world.provider.alerts(world.at)]
        assert {world.open, world.over} <= set(found)
        assert world.old not in found
        assert len(set(found)) == len(found)

    async def test_nothing_is_older_than_asked_for(self, world: SecurityAlertsWorld) -> None:
        since = world.at - timedelta(days=300)
        assert world.old in [one.id async for one in world.provider.alerts(since)]
        assert all([one.updated_at >= world.at async for one in world.provider.alerts(world.at)])

    async def test_each_is_read_by_its_source(self, world: SecurityAlertsWorld) -> None:
        read = {}
        async for one in world.provider.alerts(world.at):
            alert = source(one.kind).read(Reading(one.raw), {})
            assert alert is not None
            assert alert.customer
            read[one.id] = alert
        assert world.entity in {entity.key() for entity in read[world.open].entities}
        assert (read[world.open].resolved, read[world.over].resolved) == (False, True)
