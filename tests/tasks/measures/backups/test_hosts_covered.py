from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.measures.backups.hosts_covered import HostsCovered
from tenantry.capabilities import HostRef
from tenantry.errors import TargetNotFound, Unreachable
from tests.tasks.checks.looks import NOW
from tests.tasks.measures.given import measured


class Host:
    def __init__(self, *names: str) -> None:
        self.names = names

    async def hosts(self) -> list[HostRef]:
        return [HostRef(id=name, address="192.0.2.1") for name in self.names]


class Backups:
    """Host → days since its newest backup; None: it has none; an error is raised."""

    def __init__(self, **hosts: Any) -> None:
        self.hosts = hosts

    async def points(self, host: str) -> AsyncIterator[Any]:
        held = self.hosts[host]
        if isinstance(held, Exception):
            raise held
        yield SimpleNamespace(created_at=NOW, state="creating")
        if held is not None:
            yield SimpleNamespace(created_at=NOW - timedelta(days=held), state="available")


@pytest.mark.parametrize(
    ("backups", "status", "about"),
    [
        (Backups(web=1, db=7), "pass", ()),
        (Backups(web=1, db=20), "fail", ("db",)),
        (Backups(web=1, db=None), "fail", ("db",)),
        (Backups(web=1, db=Unreachable("away")), "unknown", ("db: away",)),
        (Backups(web=30, db=Unreachable("away")), "fail", ("web",)),
        (Backups(web=1, db=TargetNotFound("no repository")), "for_person", ("db",)),
    ],
)
async def test_each_host(backups: Backups, status: str, about: tuple[str, ...]) -> None:
    found = await measured(HostsCovered(), host=Host("web", "db"), host_backup=backups)
    assert (found.status, found.about, found.looked_at) == (status, about, 2)


async def test_without_hosts_or_repositories() -> None:
    assert (await measured(HostsCovered(), host=Host(), host_backup=Backups())).status == "not_applicable"
    assert (await measured(HostsCovered(), host=Host("web"))).status == "for_person"
