"""What every provider of ``cloud_exposure`` must do."""

from __future__ import annotations

from dataclasses import dataclass

from tenantry.capabilities import CloudExposure


@dataclass
class CloudExposureWorld:
    """An account with a machine that has a start script, in a region that the tenant's file does not name; a firewall that opens SSH to
    the world and one that opens it to an office; disks of every kind, each shared with the stranger; a bucket that everybody may list,
    one that keeps us out, one in another region; and a function with a layer that the stranger may call."""

    provider: CloudExposure
    account: str
    machine: str
    region: str
    script: str
    open_: str
    closed: str
    stranger: str
    disks: set[str]
    public: str
    refusing: str
    elsewhere: str
    function: str
    layer: str


class CloudExposureConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: CloudExposureWorld) -> None:
        assert isinstance(world.provider, CloudExposure)

    async def test_machines_where_nobody_looks(self, world: CloudExposureWorld) -> None:
        [machine] = [found async for found in world.provider.machines()]
        assert (machine.id, machine.region, machine.usual_region) == (world.machine, world.region, False)
        assert machine.script.get_secret_value() == world.script
        assert world.script not in repr(machine)

    async def test_firewalls(self, world: CloudExposureWorld) -> None:
        found = {one.id: one async for one in world.provider.firewalls()}
        assert [(one.protocol, one.first, one.last) for one in found[world.open_].openings] == [("tcp", 22, 22)]
        assert world.closed not in found

    async def test_disks(self, world: CloudExposureWorld) -> None:
        found = {one.id: one async for one in world.provider.disks()}
        assert {id for id, one in found.items() if one.shared_with == (world.stranger,)} == world.disks
        assert {found[id].kind for id in world.disks} == {"snapshot", "image", "database"}

    async def test_buckets(self, world: CloudExposureWorld) -> None:
        found = {one.name: one async for one in world.provider.buckets()}
        public = found[world.public]
        assert (public.public_lists, public.versioning, public.expires_days) == (("READ",), "suspended", 1)
        assert world.stranger in str(public.policy)
        assert not found[world.refusing].readable
        assert found[world.elsewhere].region == "us-east-1"
        assert (found[world.elsewhere].policy, found[world.elsewhere].versioning) == (None, "never")

    async def test_functions(self, world: CloudExposureWorld) -> None:
        [function] = [found async for found in world.provider.functions()]
        assert (function.name, function.layers) == (world.function, (world.layer,))
        assert world.stranger in str(function.policy)

    async def test_serial_consoles(self, world: CloudExposureWorld) -> None:
        assert await world.provider.serial_consoles() == (world.region,)
