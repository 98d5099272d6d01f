"""What every provider of ``cloud_logs`` must do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from tenantry.capabilities import CloudLogs
from tenantry.errors import ProviderError, Rejected, TargetNotFound


@dataclass
class CloudLogsWorld:
    """An account whose key ``key`` made ``events`` calls between the two times, more than a page holds, and others made some too."""

    provider: CloudLogs
    since: datetime
    until: datetime
    key: str
    user: str
    events: int
    trail: str
    archived: int
    """Events in the trail's files between the two times."""


class CloudLogsConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: CloudLogsWorld) -> None:
        assert isinstance(world.provider, CloudLogs)

    async def test_what_a_key_did_each_once(self, world: CloudLogsWorld) -> None:
        found = [event async for event in world.provider.events(world.since, world.until, access_key=world.key)]
        assert len({event.id for event in found}) == len(found) == world.events
        assert {event.access_key for event in found} == {world.key}
        assert all(world.since <= event.at <= world.until for event in found)
        for region in {event.region for event in found}:
            times = [event.at for event in found if event.region == region]
            assert times == sorted(times, reverse=True), "newest first within a region"

    async def test_narrowed_otherwise_and_not_at_all(self, world: CloudLogsWorld) -> None:
        everything = [event async for event in world.provider.events(world.since, world.until)]
        assert len(everything) > world.events
        by_user = [e async for e in world.provider.events(world.since, world.until, principal_name=world.user)]
        assert by_user
        assert all(event.actor.endswith(f"/{world.user}") for event in by_user)
        name = by_user[0].operation
        by_name = [e async for e in world.provider.events(world.since, world.until, operation=name)]
        assert {event.operation for event in by_name} == {name}

    async def test_one_attribute_at_most(self, world: CloudLogsWorld) -> None:
        with pytest.raises(Rejected):
            [e async for e in world.provider.events(world.since, world.until, access_key="A", operation="B")]

    async def test_nothing_outside_of_the_times(self, world: CloudLogsWorld) -> None:
        early = world.since - timedelta(days=40)
        assert [e async for e in world.provider.events(early, early + timedelta(hours=1))] == []

    async def test_a_trail_is_stopped_and_started(self, world: CloudLogsWorld) -> None:
        (trail,) = [trail for trail in await world.provider.trails() if trail.id == world.trail]
        assert trail.recording
        await world.provider.set_recording(world.trail, False)
        assert not (await world.provider.trails())[0].recording
        await world.provider.set_recording(world.trail, True)
        assert (await world.provider.trails())[0].recording
        with pytest.raises(TargetNotFound):
            await world.provider.set_recording("no-such-trail", True)

    async def test_files_of_a_trail(self, world: CloudLogsWorld) -> None:
        found = [event async for event in world.provider.archived(world.trail, world.since, world.until)]
        assert len({event.id for event in found}) == len(found) == world.archived
        with pytest.raises(ProviderError):
            [event async for event in world.provider.archived("no-such-trail", world.since, world.until)]
