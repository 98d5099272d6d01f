"""What every provider of ``findings`` must do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pytest

from tenantry.capabilities import Findings
from tenantry.errors import TargetNotFound


@dataclass
class FindingsWorld:
    """An account with one high and one low finding, both open."""

    provider: Findings
    since: datetime
    high: str
    low: str
    resource: str
    """That the high one is about."""
    watched: str
    """A region with a detector, and one without."""
    unwatched: str


class FindingsConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: FindingsWorld) -> None:
        assert isinstance(world.provider, Findings)

    async def test_where_nobody_watches_is_said(self, world: FindingsWorld) -> None:
        states = {(state.service, state.region): state.enabled for state in await world.provider.detectors()}
        assert states["guardduty", world.watched]
        assert not states["guardduty", world.unwatched]

    async def test_findings_by_severity(self, world: FindingsWorld) -> None:
        every = {found.id: found async for found in world.provider.findings(world.since)}
        assert set(every) == {world.high, world.low}
        assert world.resource in every[world.high].resources
        strong = [found.id async for found in world.provider.findings(world.since, least="high")]
        assert strong == [world.high]
        assert [f async for f in world.provider.findings(datetime.now(world.since.tzinfo), least="low")] == []

    async def test_a_finding_is_closed_and_opened(self, world: FindingsWorld) -> None:
        await world.provider.set_open(world.high, False)
        assert not (await world.provider.finding(world.high)).open
        assert [found.id async for found in world.provider.findings(world.since)] == [world.low]
        both = {found.id async for found in world.provider.findings(world.since, closed=True)}
        assert both == {world.high, world.low}
        await world.provider.set_open(world.high, True)
        assert (await world.provider.finding(world.high)).open

    async def test_one_that_is_not_there(self, world: FindingsWorld) -> None:
        with pytest.raises(TargetNotFound):
            await world.provider.finding("no-such-finding")
