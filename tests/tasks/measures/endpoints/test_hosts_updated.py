from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.measures.endpoints.hosts_updated import HostsUpdated
from tenantry.capabilities import HostRef, Update
from tenantry.errors import Unreachable
from tests.tasks.checks.looks import NOW
from tests.tasks.measures.given import measured


class Host:
    """Host → (security updates, others, days since it asked which there are); an error is raised."""

    def __init__(self, **hosts: Any) -> None:
        self.of = hosts

    async def hosts(self) -> list[HostRef]:
        return [HostRef(id=name, address="192.0.2.1") for name in self.of]

    async def updates(self, host: str) -> list[Update]:
        held = self.of[host]
        if isinstance(held, Exception):
            raise held
        return [
            Update(id=f"p{number}", present="1", offered="2", security=number < held[0])
            for number in range(held[0] + held[1])
        ]

    async def facts(self, host: str) -> Any:
        days = self.of[host][2]
        return SimpleNamespace(package_lists_at=None if days is None else NOW - timedelta(days=days))


@pytest.mark.parametrize(
    ("host", "status", "about"),
    [
        (Host(web=(0, 3, 1)), "pass", ()),
        (Host(web=(2, 0, 1), db=(0, 0, 1)), "fail", ("web: 2 wait",)),
        (Host(web=(0, 0, 15)), "unknown", ("web",)),
        (Host(web=(0, 0, None)), "unknown", ("web",)),
        (Host(web=(0, 0, 1), db=Unreachable("away")), "unknown", ("db: away",)),
        (Host(web=(1, 0, 30), db=Unreachable("away")), "fail", ("web: 1 wait",)),
        (Host(), "not_applicable", ()),
    ],
)
async def test_each_host(host: Host, status: str, about: tuple[str, ...]) -> None:
    found = await measured(HostsUpdated(), host=host)
    assert (found.status, found.about) == (status, about)
