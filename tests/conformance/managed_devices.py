"""What every provider of ``managed_devices`` must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tenantry.capabilities import ManagedDevices
from tenantry.errors import TargetNotFound


@dataclass
class ManagedDevicesWorld:
    provider: ManagedDevices
    user: str
    """Has one device at least."""
    unknown: str
    """An id that no device has."""
    obey: Callable[[], object]
    """Every device asks for orders now, and obeys."""


class ManagedDevicesConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: ManagedDevicesWorld) -> None:
        assert isinstance(world.provider, ManagedDevices)

    async def test_a_device_is_the_same_alone_and_in_the_list(self, world: ManagedDevicesWorld) -> None:
        one, *_ = await world.provider.devices(world.user)
        assert (one.state, bool(one.name), bool(one.raw)) == ("managed", True, True)
        assert (await world.provider.device(one.id)).model_dump(exclude={"raw"}) == one.model_dump(exclude={"raw"})

    @pytest.mark.parametrize(("order", "state"), [("retire", "retiring"), ("wipe", "wiping")])
    async def test_an_order_shows_until_it_was_obeyed(self, world: ManagedDevicesWorld, order: str, state: str) -> None:
        one, *others = await world.provider.devices(world.user)
        await getattr(world.provider, order)(one.id)
        await getattr(world.provider, order)(one.id)
        assert (await world.provider.device(one.id)).state == state
        world.obey()
        with pytest.raises(TargetNotFound):
            await world.provider.device(one.id)
        assert [left.id for left in await world.provider.devices(world.user)] == [left.id for left in others]
        await getattr(world.provider, order)(one.id)

    async def test_what_is_not_managed_is_not_found_and_needs_no_order(self, world: ManagedDevicesWorld) -> None:
        with pytest.raises(TargetNotFound):
            await world.provider.device(world.unknown)
        await world.provider.wipe(world.unknown)
