"""What every provider of ``posture`` must do."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tenantry.capabilities import HostPosture, Posture
from tenantry.capabilities.posture import POSTURE_PARTS
from tenantry.errors import TargetNotFound


@dataclass
class PostureWorld:
    """Hosts, of which one lets us read everything."""

    provider: Posture
    host: str
    hosts: frozenset[str]
    read: HostPosture
    """What the provider said of ``host``."""


class PostureConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: PostureWorld) -> None:
        assert isinstance(world.provider, Posture)

    async def test_hosts_by_name(self, world: PostureWorld) -> None:
        assert {host.id for host in await world.provider.posture_hosts()} == world.hosts

    async def test_another_host_is_nobodys(self, world: PostureWorld) -> None:
        with pytest.raises(TargetNotFound):
            await world.provider.posture("elsewhere")

    def test_what_is_unread_is_a_part_and_says_why(self, world: PostureWorld) -> None:
        assert world.read.unread.keys() <= set(POSTURE_PARTS)
        assert all(world.read.unread.values())

    def test_every_part_that_was_read_holds_something(self, world: PostureWorld) -> None:
        found = world.read
        held = {
            **{
                "accounts": found.accounts,
                "sshd": found.sshd,
                "kernel": found.kernel,
                "mounts": found.mounts,
                "files": found.files,
            },
            **{
                "contents": found.contents,
                "units": found.units,
                "listeners": found.listeners,
                "packages": found.packages,
            },
        }
        assert [part for part, value in held.items() if part not in found.unread and not value] == []
        assert found.release["ID"]

    def test_accounts_have_no_hash(self, world: PostureWorld) -> None:
        assert {one.password for one in world.read.accounts} <= {"set", "locked", "none", "unknown"}
        assert "/etc/shadow" not in world.read.contents
