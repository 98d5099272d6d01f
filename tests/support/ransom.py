"""The lab's story of ransomware in memory, for tests of tasks: cloud account, hosts and their backups of one tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import pytest

from integrations.lab.hosts.backups import HostBackups, job, points, rows
from integrations.lab.hosts.state import LabHost
from tenantry.capabilities import BackupJob, RecoveryPoint, StagedFile
from tenantry.errors import TargetNotFound, Unreachable

from .cloud import CloudTenant
from .effects import ContestedEffectContract, EffectContract
from .fake_host import FakeHost


class FakeHostBackup:
    """Strict: what is not there is TargetNotFound. Writes are the lab's, in the tenant's list."""

    def __init__(self, tenant: RansomTenant) -> None:
        self._hosts: dict[str, LabHost] = tenant.lab.tenant.hosts
        self._writes = HostBackups(tenant.lab).writes
        self.at_work = False

    def _of(self, host: str, point: str = "") -> LabHost:
        if host not in self._hosts or (point and point not in self._hosts[host].points):
            raise TargetNotFound(f"there is no {point or host}")
        if not self._hosts[host].reachable:
            raise Unreachable(f"{host} does not answer")
        return self._hosts[host]

    async def points(self, source: str | None = None, *, until: datetime | None = None) -> AsyncIterator[RecoveryPoint]:
        for name in [source] if source is not None else list(self._hosts):
            for point in points(self._of(name)):
                if until is None or point.created_at <= until:
                    yield point

    async def stage(self, host: str, point: str, paths: Sequence[str], *, token: str) -> BackupJob:
        self._writes["stage"](host, self._of(host, point), {"point": point, "paths": list(paths), "token": token})
        made = job(self._of(host), point, token)
        assert made is not None
        return made

    async def staged(self, host: str, point: str, *, token: str) -> BackupJob | None:
        return job(self._of(host, point), point, token)

    async def compare(self, host: str, point: str, *, token: str) -> AsyncIterator[StagedFile]:
        try:
            found = rows(self._of(host, point), point, token)
        except KeyError:
            raise TargetNotFound("nothing is staged") from None
        for row in found:
            yield row

    async def put_in_place(self, host: str, point: str, since: datetime, *, token: str) -> None:
        body = {"point": point, "since": since.isoformat(), "token": token}
        self._writes["put_in_place"](host, self._of(host, point), body)

    async def placing(self, host: str, point: str, *, token: str) -> bool:  # the Protocol has them
        return self.at_work

    async def put_back(self, host: str, point: str, *, token: str) -> None:
        self._writes["put_back"](host, self._of(host, point), {"point": point, "token": token})

    async def remove_staged(self, host: str, point: str, *, token: str) -> None:
        self._writes["remove_staged"](host, self._of(host, point), {"point": point, "token": token})


class RansomTenant(CloudTenant):
    """``story`` names what the attacker did and what is the client's own."""

    def __init__(self) -> None:
        super().__init__("ransomware")
        self.host = FakeHost(self.writes, self.lab.tenant.hosts)
        self.backups = FakeHostBackup(self)
        self.more["host_backup"] = self.backups
        self.story: dict[str, Any] = self.lab.scenario_info()["artefacts"]

    @property
    def began(self) -> datetime:
        began = self.lab.tenant.story.began_at
        assert began is not None
        return began

    @property
    def web(self) -> LabHost:
        return self.lab.tenant.hosts["web1"]


class RansomEffect(EffectContract):
    """The contract of an effect, on that tenant."""

    @pytest.fixture
    def tenant(self) -> RansomTenant:
        return RansomTenant()


class ContestedRansomEffect(ContestedEffectContract):
    """Likewise, where undo may find a third state."""

    @pytest.fixture
    def tenant(self) -> RansomTenant:
        return RansomTenant()
