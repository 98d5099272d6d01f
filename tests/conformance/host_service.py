"""What every provider of ``host_service`` must do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from tenantry.errors import Rejected, TargetNotFound

__all__ = ["HostServiceConformance", "HostServiceWorld"]


@dataclass
class HostServiceWorld:
    """One host with a unit that does not run, a running PostgreSQL without the database, and two dumps of it with ``rows`` rows.

    Attributes:
        broken: a dump that was cut off.
    """

    services: Any
    host: str
    unit: str
    database: str
    dump: str
    plain: str
    broken: str
    count: str
    rows: int
    folder: str
    files: int


class HostServiceConformance:
    """A provider's test class inherits this and gives ``world``."""

    async def test_a_command_tells_its_status_and_output(self, world: HostServiceWorld) -> None:
        ran = await world.services.command(world.host, ["sh", "-c", "echo 'a b'; exit 3"], root=False, within=10)
        assert (ran.status, ran.output) == (3, "a b\n")

    async def test_a_command_is_ended_when_its_time_is_over(self, world: HostServiceWorld) -> None:
        ran = await world.services.command(world.host, ["sleep", "60"], root=False, within=0.2)
        assert ran.status != 0

    async def test_a_service_is_started_and_stopped_and_twice_is_once(self, world: HostServiceWorld) -> None:
        assert not await world.services.service_active(world.host, world.unit)
        for _ in range(2):
            await world.services.start_service(world.host, world.unit)
            assert await world.services.service_active(world.host, world.unit)
        for _ in range(2):
            await world.services.stop_service(world.host, world.unit)
            assert not await world.services.service_active(world.host, world.unit)

    async def test_a_query_cannot_write(self, world: HostServiceWorld) -> None:
        assert await world.services.query(world.host, "postgres", "SELECT 6 * 7", within=20) == "42"
        with pytest.raises(Rejected):
            await world.services.query(world.host, "postgres", "CREATE TABLE t (a int)", within=20)

    async def test_files_are_counted_with_the_newest_time(self, world: HostServiceWorld) -> None:
        found = await world.services.newest_file(world.host, world.folder)
        assert found.count == world.files
        assert found.newest is not None
        with pytest.raises(TargetNotFound):
            await world.services.newest_file(world.host, "/not/there")

    async def test_a_database_is_restored_once_and_never_over_another(self, world: HostServiceWorld) -> None:
        services = world.services
        assert await services.database_tables(world.host, world.database) is None
        assert (await services.database_restore(world.host, token="broken")).state == "absent"
        await services.restore_database(world.host, world.database, world.broken, token="broken")
        assert await self._ended(world, "broken") == "failed"
        assert await services.database_tables(world.host, world.database) is None
        for _ in range(2):
            await services.restore_database(world.host, world.database, world.dump, token="one")
        assert await self._ended(world, "one") == "completed"
        assert await services.database_tables(world.host, world.database) == 1
        assert await services.query(world.host, world.database, world.count, within=20) == str(world.rows)
        with pytest.raises(Rejected, match="has tables already"):
            await services.restore_database(world.host, world.database, world.dump, token="two")
        await services.restore_database(world.host, f"{world.database}_plain", world.plain, token="plain")
        assert await self._ended(world, "plain") == "completed"
        assert await services.query(world.host, f"{world.database}_plain", world.count, within=20) == str(world.rows)

    async def _ended(self, world: HostServiceWorld, token: str) -> str:
        async with asyncio.timeout(120):
            while (state := (await world.services.database_restore(world.host, token=token)).state) == "running":  # noqa: ASYNC110 - it goes on elsewhere
                await asyncio.sleep(0.1)
        return str(state)
