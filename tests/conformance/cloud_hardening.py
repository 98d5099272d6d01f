"""What every provider of ``cloud_hardening`` must do."""

from __future__ import annotations

from dataclasses import dataclass

from tenantry.capabilities import CloudHardening


@dataclass
class CloudHardeningWorld:
    """An account with rules for passwords (14 characters, 24 remembered); a region where new disks are enciphered and one where they are
    not; a database that was made well and one that was not; a key that is replaced, one that is not, and others that cannot be; a network
    with a flow log and one with neither that nor an empty default group."""

    provider: CloudHardening
    account: str
    enciphering: str
    plain: str
    good: str
    bad: str
    rotating: str
    standing: str
    logged: str
    unlogged: str


class CloudHardeningConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: CloudHardeningWorld) -> None:
        assert isinstance(world.provider, CloudHardening)

    async def test_password_rules(self, world: CloudHardeningWorld) -> None:
        found = await world.provider.password_rules()
        assert (found.account, found.set_, found.shortest, found.remembered) == (world.account, True, 14, 24)

    async def test_defaults(self, world: CloudHardeningWorld) -> None:
        found = {one.region: one.disks_enciphered async for one in world.provider.defaults()}
        assert (found[world.enciphering], found[world.plain]) == (True, False)

    async def test_databases(self, world: CloudHardeningWorld) -> None:
        found = {one.name: one async for one in world.provider.databases()}
        told = {
            name: (one.enciphered, one.public, one.kept_days, one.updates_itself, one.deletion_guarded)
            for name, one in found.items()
        }
        assert told == {world.good: (True, False, 14, True, True), world.bad: (False, True, 0, False, False)}

    async def test_keys(self, world: CloudHardeningWorld) -> None:
        found = {one.id: one.rotates async for one in world.provider.rotated_keys()}
        assert found == {world.rotating: True, world.standing: False}

    async def test_networks(self, world: CloudHardeningWorld) -> None:
        found = {one.id: one async for one in world.provider.networks()}
        assert (found[world.logged].logged, found[world.logged].default_rules) == (True, 0)
        assert (found[world.unlogged].logged, found[world.unlogged].default_rules) == (False, 1)
