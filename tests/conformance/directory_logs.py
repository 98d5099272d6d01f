"""What every provider of ``directory_logs`` must do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tenantry.capabilities import DirectoryLogs


@dataclass
class DirectoryLogsWorld:
    """A log with sign-ins that somebody typed, silent ones and an application's, and with changes of the directory."""

    provider: DirectoryLogs
    typed: str
    silent: str
    application: str
    audit: str
    since: datetime
    until: datetime


class DirectoryLogsConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: DirectoryLogsWorld) -> None:
        assert isinstance(world.provider, DirectoryLogs)

    async def test_sign_ins_of_every_kind_once(self, world: DirectoryLogsWorld) -> None:
        found = [str(one["id"]) async for one in world.provider.sign_ins(world.since, world.until)]
        assert {world.typed, world.silent, world.application} <= set(found)
        assert len(set(found)) == len(found)

    async def test_audits(self, world: DirectoryLogsWorld) -> None:
        found = [str(one["id"]) async for one in world.provider.audits(world.since, world.until)]
        assert world.audit in found
        assert len(set(found)) == len(found)

    async def test_nothing_of_another_time(self, world: DirectoryLogsWorld) -> None:
        early = world.since - timedelta(days=900)
        assert [one async for one in world.provider.sign_ins(early, early + timedelta(days=1))] == []
        assert [one async for one in world.provider.audits(early, early + timedelta(days=1))] == []
