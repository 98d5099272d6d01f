"""What every provider of ``drives`` must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tenantry.capabilities import Drives
from tenantry.errors import TargetNotFound


@dataclass
class DrivesWorld:
    provider: Drives
    user: str
    """Has a drive with two things in it at least, which nobody else may open."""
    other_id: str
    """Another account, by its object id."""
    without: str
    """An account that has no drive."""
    writes: Callable[[], int]


class DrivesConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: DrivesWorld) -> None:
        assert isinstance(world.provider, Drives)

    async def test_one_item_is_shared_and_taken_back_and_no_other(self, world: DrivesWorld) -> None:
        one, other, *_ = await world.provider.items(world.user)
        assert (bool(one.name), bool(one.raw)) == (True, True)
        assert await world.provider.grant(one, world.other_id) is None
        await world.provider.share(one, world.other_id, "write")
        given = await world.provider.grant(one, world.other_id)
        assert given is not None
        assert given.roles == ("write",)
        assert await world.provider.grant(other, world.other_id) is None
        await world.provider.unshare(one, given)
        await world.provider.unshare(one, given)
        assert await world.provider.grant(one, world.other_id) is None
        assert world.writes() == 2, "the repeated one changed nothing"

    async def test_what_is_shared_is_listed_until_it_is_taken_back(self, world: DrivesWorld) -> None:
        one, *_ = await world.provider.items(world.user)
        assert list(await world.provider.shares(world.user)) == [], "what the owner has is none"
        await world.provider.share(one, world.other_id, "read")
        [share] = await world.provider.shares(world.user)
        assert (share.item.id, share.path, share.grant.roles, share.link) == (one.id, one.name, ("read",), "")
        assert len(share.to) == 1
        await world.provider.unshare(share.item, share.grant)
        assert list(await world.provider.shares(world.user)) == []

    async def test_who_has_no_drive_is_not_found(self, world: DrivesWorld) -> None:
        with pytest.raises(TargetNotFound):
            await world.provider.items(world.without)
        with pytest.raises(TargetNotFound):
            await world.provider.shares(world.without)
