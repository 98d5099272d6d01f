"""What every provider of ``workspace_backup`` must do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tenantry.capabilities import RecoveryPoint, WorkspaceBackup
from tenantry.errors import TargetNotFound


@dataclass
class WorkspaceBackupWorld:
    """A tenant with one mailbox that has several recovery points."""

    provider: WorkspaceBackup
    mailbox: str
    """Written with its address."""
    finish: Callable[[], Awaitable[None]]
    """Lets what was begun come to its end."""


async def points(world: WorkspaceBackupWorld, most: int = 7) -> list[RecoveryPoint]:
    found: list[RecoveryPoint] = []
    async for point in world.provider.points(world.mailbox):
        found.append(point)
        if len(found) == most:
            break
    return found


class WorkspaceBackupConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: WorkspaceBackupWorld) -> None:
        assert isinstance(world.provider, WorkspaceBackup)

    async def test_newest_first_and_of_a_source_that_is_listed(self, world: WorkspaceBackupWorld) -> None:
        found = await points(world)
        assert len(found) > 1
        assert [one.created_at for one in found] == sorted((one.created_at for one in found), reverse=True)
        assert len({one.id for one in found}) == len(found)
        assert {one.source for one in found} <= {source.id async for source in world.provider.sources()}

    async def test_points_between_two_times(self, world: WorkspaceBackupWorld) -> None:
        newest, older, *_ = await points(world)
        only = [one.id async for one in world.provider.points(world.mailbox, since=newest.created_at)]
        assert only == [newest.id]
        both = world.provider.points(world.mailbox, since=older.created_at, until=older.created_at)
        assert [one.id async for one in both] == [older.id]
        late = newest.created_at + timedelta(seconds=1)
        assert [one async for one in world.provider.points(world.mailbox, since=late)] == []

    async def test_a_restore_is_begun_once_for_one_token(self, world: WorkspaceBackupWorld) -> None:
        _, point, *_ = await points(world)
        assert await world.provider.restored(point.id, token="run-1") is None
        job = await world.provider.restore(point.id, token="run-1")
        assert (await world.provider.restore(point.id, token="run-1")).id == job.id
        assert await world.provider.restored(point.id, token="run-2") is None
        await world.finish()
        done = await world.provider.restored(point.id, token="run-1")
        assert done is not None
        assert (done.state, done.source) == ("completed", point.id)
        assert done.result, "where it stands is said"
        other = await world.provider.restore(point.id, token="run-2")
        assert other.id != job.id

    async def test_what_is_not_there(self, world: WorkspaceBackupWorld) -> None:
        for source in ("mailbox/nobody@nowhere.example", "nothing", "printer/x"):
            with pytest.raises(TargetNotFound):
                _ = [one async for one in world.provider.points(source)]
        for point in ("no-such-point", "mailbox/x/y/z"):
            with pytest.raises(TargetNotFound):
                await world.provider.restore(point, token="x")
