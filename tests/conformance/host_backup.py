"""What every provider of ``host_backup`` must do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from tenantry.capabilities import HostBackup, StagedFile
from tenantry.errors import TargetNotFound


@dataclass
class HostBackupWorld:
    """A host with one recovery point of ``/srv/data``, after which an intruder came.

    ``changed`` was encrypted and ``gone`` deleted by the intruder, ``own`` was changed by the client before ``since``, ``same`` is as it was.
    """

    provider: HostBackup
    host: str
    point: str
    since: datetime
    changed: str
    gone: str
    own: str
    same: str
    read: Callable[[str], Awaitable[bytes | None]]
    """What is in a place; None: nothing."""
    write: Callable[[str, bytes], Awaitable[None]]
    settled: Callable[[str], Awaitable[None]]
    """Waits until what was begun for a token has ended."""
    originals: dict[str, bytes] = field(default_factory=dict)


async def compared(world: HostBackupWorld, token: str) -> dict[str, StagedFile]:
    return {row.path: row async for row in world.provider.compare(world.host, world.point, token=token)}


class HostBackupConformance:
    """Inherit and give the fixture ``world``, made anew for each test."""

    def test_has_every_method(self, world: HostBackupWorld) -> None:
        assert isinstance(world.provider, HostBackup)

    async def test_points_of_a_host_and_no_other(self, world: HostBackupWorld) -> None:
        found = [point async for point in world.provider.points(world.host)]
        assert world.point in {point.id for point in found}
        assert [point.created_at for point in found] == sorted((p.created_at for p in found), reverse=True)
        made = next(point for point in found if point.id == world.point)
        early = world.provider.points(world.host, until=made.created_at - timedelta(seconds=1))
        assert world.point not in {point.id async for point in early}
        for host, point in (("elsewhere", world.point), (world.host, "no-such-point")):
            with pytest.raises(TargetNotFound):
                await world.provider.stage(host, point, (), token="x")

    async def test_it_is_staged_once_for_one_token_and_touches_nothing(self, world: HostBackupWorld) -> None:
        before = {path: await world.read(path) for path in (world.changed, world.gone, world.own, world.same)}
        assert await world.provider.staged(world.host, world.point, token="run-1") is None
        with pytest.raises(TargetNotFound):
            await compared(world, "run-1")
        for _ in range(2):
            job = await world.provider.stage(world.host, world.point, (), token="run-1")
            assert job.action == "restore"
        await self.finished(world, "run-1")
        assert {path: await world.read(path) for path in before} == before
        assert await world.provider.staged(world.host, world.point, token="run-2") is None
        await world.provider.remove_staged(world.host, world.point, token="run-1")
        await world.provider.remove_staged(world.host, world.point, token="run-1")
        assert await world.provider.staged(world.host, world.point, token="run-1") is None

    async def test_parts_of_it(self, world: HostBackupWorld) -> None:
        await world.provider.stage(world.host, world.point, (world.changed,), token="part")
        await self.finished(world, "part")
        assert set(await compared(world, "part")) == {world.changed}
        await world.provider.remove_staged(world.host, world.point, token="part")

    async def test_what_was_damaged_is_put_in_its_place_and_nothing_else(self, world: HostBackupWorld) -> None:
        damaged, own = await world.read(world.changed), await world.read(world.own)
        await world.provider.stage(world.host, world.point, (), token="run-1")
        await self.finished(world, "run-1")
        rows = await compared(world, "run-1")
        assert {path for path, row in rows.items() if row.due(world.since)} == {world.changed, world.gone}
        assert rows[world.gone].changed_at is None
        assert rows[world.same].same
        assert not rows[world.own].same
        for _ in range(2):
            await world.provider.put_in_place(world.host, world.point, world.since, token="run-1")
            await world.settled("run-1")
        rows = await compared(world, "run-1")
        assert not [row for row in rows.values() if row.due(world.since)]
        assert {path for path, row in rows.items() if row.kept} == {world.changed, world.gone}
        for path in (world.changed, world.gone):
            assert await world.read(path) == world.originals[path]
        assert await world.read(world.own) == own, "the client's work after the backup stays"
        for _ in range(2):
            await world.provider.put_back(world.host, world.point, token="run-1")
            await world.settled("run-1")
        assert await world.read(world.changed) == damaged, "what was replaced was kept"
        assert await world.read(world.gone) is None
        assert not [row for row in (await compared(world, "run-1")).values() if row.kept]
        await world.provider.remove_staged(world.host, world.point, token="run-1")

    async def test_what_was_changed_since_is_not_taken_back(self, world: HostBackupWorld) -> None:
        await world.provider.stage(world.host, world.point, (), token="run-1")
        await self.finished(world, "run-1")
        await world.provider.put_in_place(world.host, world.point, world.since, token="run-1")
        await world.settled("run-1")
        await world.write(world.changed, b"new work\n")
        await world.provider.put_back(world.host, world.point, token="run-1")
        await world.settled("run-1")
        assert await world.read(world.changed) == b"new work\n"
        await world.provider.remove_staged(world.host, world.point, token="run-1")

    async def finished(self, world: HostBackupWorld, token: str) -> Any:
        await world.settled(token)
        job = await world.provider.staged(world.host, world.point, token=token)
        assert job is not None
        assert job.state == "completed"
        return job
