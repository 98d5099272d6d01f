"""What every provider of ``cloud_machines`` must do."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tenantry.capabilities import CloudMachines
from tenantry.errors import Rejected, TargetNotFound


@dataclass
class CloudMachinesWorld:
    """An account with one snapshot and one image."""

    provider: CloudMachines
    snapshot: str
    zone: str
    image: str
    subnet: str
    groups: list[str] = field(default_factory=list)


class CloudMachinesConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: CloudMachinesWorld) -> None:
        assert isinstance(world.provider, CloudMachines)

    async def test_a_volume_is_made_once_for_one_token_and_removed_once(self, world: CloudMachinesWorld) -> None:
        made = await world.provider.create_volume(world.snapshot, world.zone, token="run-1/volume")
        assert (made.kind, made.source) == ("volume", world.snapshot)
        again = await world.provider.create_volume(world.snapshot, world.zone, token="run-1/volume")
        assert again.id == made.id
        found = await world.provider.made("run-1/volume")
        assert found is not None, "who has forgotten it finds it again"
        assert (found.id, found.state) == (made.id, "ready")
        other = await world.provider.create_volume(world.snapshot, world.zone, token="run-2/volume")
        assert other.id != made.id
        for _ in range(2):
            await world.provider.remove_made("run-1/volume")
        assert await world.provider.made("run-1/volume") is None
        assert await world.provider.made("run-2/volume") is not None, "nothing else"

    async def test_an_instance_is_made_once_for_one_token_and_stays(self, world: CloudMachinesWorld) -> None:
        given = (world.image, "t3.micro", world.subnet, world.groups, "")
        made = await world.provider.create_instance(*given, token="run-1/instance")
        assert (made.kind, made.source) == ("instance", world.image)
        assert (await world.provider.create_instance(*given, token="run-1/instance")).id == made.id
        found = await world.provider.made("run-1/instance")
        assert found is not None
        assert (found.id, found.state) == (made.id, "ready")
        with pytest.raises(Rejected):
            await world.provider.remove_made("run-1/instance")
        assert await world.provider.made("run-1/instance") is not None

    async def test_what_is_not_there(self, world: CloudMachinesWorld) -> None:
        assert await world.provider.made("never") is None
        await world.provider.remove_made("never")
        with pytest.raises(TargetNotFound):
            await world.provider.create_volume("snap-00000000000000000", world.zone, token="x")
        with pytest.raises(Rejected):
            await world.provider.create_volume(world.snapshot, "mars-north-1a", token="x")
