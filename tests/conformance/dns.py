"""What every provider of ``dns`` must do."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tenantry.capabilities import Dns
from tenantry.errors import Rejected, TargetNotFound


@dataclass
class DnsWorld:
    provider: Dns
    zone: str
    domain: str
    """Of the zone, with the final dot; it holds ``www`` as an A record of 192.0.2.10."""


class DnsConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: DnsWorld) -> None:
        assert isinstance(world.provider, Dns)

    async def test_zones_and_records(self, world: DnsWorld) -> None:
        zones = {zone.id: zone async for zone in world.provider.zones()}
        assert zones[world.zone].name == world.domain
        records = {(record.name, record.type): record async for record in world.provider.records(world.zone)}
        assert records[f"www.{world.domain}", "A"].values == ("192.0.2.10",)
        with pytest.raises(TargetNotFound):
            [record async for record in world.provider.records("Z00000000000000000000")]

    async def test_a_record_is_changed_and_put_back(self, world: DnsWorld) -> None:
        name = f"www.{world.domain}"
        before = await world.provider.record(world.zone, name, "A")
        assert before is not None
        change = await world.provider.set_record(world.zone, name.upper(), "A", 60, ("192.0.2.99",))
        assert await world.provider.in_sync(change)
        after = await world.provider.record(world.zone, name, "A")
        assert after is not None
        assert (after.values, after.ttl) == (("192.0.2.99",), 60)
        await world.provider.put_back(world.zone, before)
        assert await world.provider.record(world.zone, name, "A") == before

    async def test_exactly_what_was_read_is_removed(self, world: DnsWorld) -> None:
        name = f"evil.{world.domain}"
        assert await world.provider.record(world.zone, name, "TXT") is None
        await world.provider.set_record(world.zone, name, "TXT", 300, ('"one"',))
        read = await world.provider.record(world.zone, name, "TXT")
        assert read is not None
        await world.provider.set_record(world.zone, name, "TXT", 300, ('"two"',))
        with pytest.raises(Rejected):
            await world.provider.remove_record(world.zone, read)
        now = await world.provider.record(world.zone, name, "TXT")
        assert now is not None
        await world.provider.remove_record(world.zone, now)
        assert await world.provider.record(world.zone, name, "TXT") is None
        assert await world.provider.remove_record(world.zone, now) == ""
