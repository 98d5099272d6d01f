"""What every provider of ``logs`` must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tenantry.capabilities import Logs


@dataclass
class LogsWorld:
    """A log that holds ``operation`` by ``user`` from ``ip``, and entries of others."""

    provider: Logs
    user: str
    operation: str
    ip: str
    since: datetime
    until: datetime
    writes: Callable[[], int]


class LogsConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: LogsWorld) -> None:
        assert isinstance(world.provider, Logs)

    async def test_everything_in_the_span(self, world: LogsWorld) -> None:
        found = [record async for record in world.provider.search(world.since, world.until)]
        assert len({record.id for record in found}) == len(found)
        assert len({record.actor for record in found}) > 1
        assert all(world.since <= record.at <= world.until for record in found)
        assert all(record.raw for record in found)

    async def test_of_one_user_and_operation(self, world: LogsWorld) -> None:
        everything = [record async for record in world.provider.search(world.since, world.until)]
        found = [
            record
            async for record in world.provider.search(
                world.since, world.until, users=[world.user], operations=[world.operation]
            )
        ]
        assert found
        assert {record.id for record in found} == {
            record.id for record in everything if record.actor == world.user and record.operation == world.operation
        }
        assert world.ip in {record.ip for record in found}

    async def test_the_same_question_twice(self, world: LogsWorld) -> None:
        one = [record.id async for record in world.provider.search(world.since, world.until, users=[world.user])]
        two = [record.id async for record in world.provider.search(world.since, world.until, users=[world.user])]
        assert one == two

    async def test_searching_changes_nothing(self, world: LogsWorld) -> None:
        before = world.writes()
        async for _ in world.provider.search(world.since, world.until):
            pass
        assert world.writes() == before
