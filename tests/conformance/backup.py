"""What every provider of ``backup`` must do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tenantry.capabilities import Backup, BackupJob, RestoreTarget
from tenantry.errors import TargetNotFound


@dataclass
class BackupWorld:
    """A tenant with one source that has one recovery point."""

    provider: Backup
    source: str
    point: str
    target: RestoreTarget
    """Where nothing is yet."""
    finish: Callable[[BackupJob], Awaitable[None]]
    """Lets a job come to its end."""


class BackupConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: BackupWorld) -> None:
        assert isinstance(world.provider, Backup)

    async def test_sources_and_their_points(self, world: BackupWorld) -> None:
        assert world.source in {source.id async for source in world.provider.sources()}
        points = [point async for point in world.provider.points(world.source)]
        assert world.point in {point.id for point in points}
        assert {point.source for point in points} == {world.source}
        assert (await world.provider.point(world.point)).state == "available"
        with pytest.raises(TargetNotFound):
            await world.provider.point("no-such-point")

    async def test_points_between_two_times(self, world: BackupWorld) -> None:
        made = await world.provider.point(world.point)
        before = made.created_at - timedelta(minutes=1)
        found = [point.id async for point in world.provider.points(world.source, until=before)]
        assert world.point not in found
        found = [point.id async for point in world.provider.points(world.source, since=before)]
        assert world.point in found

    async def test_a_restore_is_begun_once_for_one_token_and_goes_beside(self, world: BackupWorld) -> None:
        job = await world.provider.restore(world.point, world.target, token="run-1/restore")
        assert job.action == "restore"
        again = await world.provider.restore(world.point, world.target, token="run-1/restore")
        assert again.id == job.id
        begun = await world.provider.job_of("run-1/restore")
        assert begun is not None, "who has forgotten it finds it again"
        assert begun.id == job.id
        await world.finish(job)
        done = await world.provider.job(job.id)
        assert done.state == "completed"
        assert done.result
        assert done.result != world.source
        assert (await world.provider.verify(job.id)).state in ("verified", "unknown")

    async def test_what_a_restore_made_is_there_until_it_is_removed(self, world: BackupWorld) -> None:
        job = await world.provider.restore(world.point, world.target, token="run-1/scratch")
        await world.finish(job)
        assert await world.provider.remains(job.id)
        await world.provider.remove_restored(job.id)
        for _ in range(100):
            if not await world.provider.remains(job.id):
                break
            await asyncio.sleep(0.05)
        assert not await world.provider.remains(job.id)
        await world.provider.remove_restored(job.id)  # absent counts as removed
        assert world.point in {point.id async for point in world.provider.points(world.source)}

    async def test_a_backup_gives_another_point(self, world: BackupWorld) -> None:
        job = await world.provider.back_up(world.source, token="run-1/backup")
        assert (await world.provider.back_up(world.source, token="run-1/backup")).id == job.id
        await world.finish(job)
        done = await world.provider.job(job.id)
        assert done.state == "completed"
        assert done.result
        assert (await world.provider.point(done.result)).source == world.source

    async def test_a_token_that_was_never_used(self, world: BackupWorld) -> None:
        assert await world.provider.job_of("never") is None

    async def test_what_is_not_there(self, world: BackupWorld) -> None:
        with pytest.raises(TargetNotFound):
            await world.provider.restore("no-such-point", world.target, token="x")
        with pytest.raises(TargetNotFound):
            await world.provider.job("no-such-job")
