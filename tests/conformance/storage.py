"""What every provider of ``storage`` must do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tenantry.capabilities import Storage
from tenantry.capabilities.storage import Retention
from tenantry.errors import Rejected, TargetNotFound


@dataclass
class StorageWorld:
    provider: Storage
    plain: str
    """A bucket without versions."""
    locked: str
    """A bucket with versions and locks. Both are empty."""


class StorageConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: StorageWorld) -> None:
        assert isinstance(world.provider, Storage)

    async def test_buckets_and_what_protects_them(self, world: StorageWorld) -> None:
        assert {bucket.name async for bucket in world.provider.buckets()} >= {world.plain, world.locked}
        plain = await world.provider.protection(world.plain)
        assert (plain.versioned, plain.lock) == (False, False)
        locked = await world.provider.protection(world.locked)
        assert (locked.versioned, locked.lock) == (True, True)
        with pytest.raises(TargetNotFound):
            await world.provider.protection("no-such-bucket-anywhere")

    async def test_bytes_come_back_as_they_were_in_small_pieces(self, world: StorageWorld) -> None:
        data = bytes(range(256)) * 10_000
        await world.provider.write(world.plain, "dir/ä b.bin", data)
        pieces = [piece async for piece in world.provider.read(world.plain, "dir/ä b.bin")]
        assert b"".join(pieces) == data
        assert max(map(len, pieces)) <= 1024 * 1024
        await world.provider.write(world.plain, "empty", b"")
        assert [piece async for piece in world.provider.read(world.plain, "empty")] == []
        with pytest.raises(TargetNotFound):
            [piece async for piece in world.provider.read(world.plain, "missing")]

    async def test_objects_under_a_prefix(self, world: StorageWorld) -> None:
        assert [found async for found in world.provider.objects(world.plain)] == []
        for name in ("a/1", "a/2", "b/1"):
            await world.provider.write(world.plain, name, name.encode())
        assert [found.key async for found in world.provider.objects(world.plain, "a/")] == ["a/1", "a/2"]
        assert [(found.key, found.size) async for found in world.provider.objects(world.plain, "b/")] == [("b/1", 3)]

    async def test_what_can_be_read_opens(self, world: StorageWorld) -> None:
        version = await world.provider.write(world.locked, "open", b"1")
        assert await world.provider.opens(world.locked, "open", version)
        assert await world.provider.opens(world.locked, "open")
        with pytest.raises(TargetNotFound):
            await world.provider.opens(world.locked, "missing")

    async def test_an_old_version_comes_back(self, world: StorageWorld) -> None:
        first = await world.provider.write(world.locked, "ledger", b"true")
        await world.provider.write(world.locked, "ledger", b"encrypted by somebody")
        await world.provider.restore_version(world.locked, "ledger", first)
        assert [piece async for piece in world.provider.read(world.locked, "ledger")] == [b"true"]
        assert [piece async for piece in world.provider.read(world.locked, "ledger", first)] == [b"true"]
        versions = [found async for found in world.provider.objects(world.locked, "ledger", versions=True)]
        assert len(versions) == 3, "nothing was deleted"
        assert sum(found.latest for found in versions) == 1

    async def test_a_version_is_removed_for_good(self, world: StorageWorld) -> None:
        first = await world.provider.write(world.locked, "note", b"1")
        second = await world.provider.write(world.locked, "note", b"2")
        await world.provider.remove_version(world.locked, "note", second)
        await world.provider.remove_version(world.locked, "note", second)
        versions = [found.version async for found in world.provider.objects(world.locked, "note", versions=True)]
        assert versions == [first]

    async def test_a_version_is_locked(self, world: StorageWorld) -> None:
        version = await world.provider.write(world.locked, "evidence", b"1")
        assert await world.provider.retention(world.locked, "evidence", version) is None
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        wanted = Retention(mode="compliance", until=until)
        await world.provider.set_retention(world.locked, "evidence", version, wanted)
        assert await world.provider.retention(world.locked, "evidence", version) == wanted
        version = await world.provider.write(world.plain, "evidence", b"1")
        with pytest.raises((Rejected, TargetNotFound)):
            await world.provider.set_retention(world.plain, "evidence", version or "null", wanted)
