"""What every ``credentials`` must do, with the service and the vault behind it.

Two suites, as there are two ways to replace one (`tenantry.capabilities.credentials`): beside the old one, and in its place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from tenantry.capabilities.credentials import LABEL, Credentials
from tenantry.errors import Conflict


@dataclass
class CredentialsWorld:
    """A provider whose credential of this name is in the vault, in its first version.

    Attributes:
        provider: what is tested.
        name: as tasks say it: ``m365``, ``hosts/key``.
        live: ids of the credentials that the service has, told without what is tested; of one that stands in many places: in all of them.
        signs_in: whether a version in the vault signs in; the newest when None. Told without what is tested.
        refused: whether an older version is refused everywhere; None: where it does not sign in.
    """

    provider: Credentials
    live: Callable[[], set[str]]
    signs_in: Callable[[int | None], Awaitable[bool]]
    name: str = "m365"
    refused: Callable[[int], Awaitable[bool]] | None = None

    async def gone(self, version: int) -> bool:
        """Whether nobody is let in with it any more."""
        if self.refused is None:
            return not await self.signs_in(version)
        return await self.refused(version)


class CredentialsConformance:
    """The new one lives beside the old one until it is proven. Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: CredentialsWorld) -> None:
        assert isinstance(world.provider, Credentials)

    async def test_one_for_another(self, world: CredentialsWorld) -> None:
        provider, name = world.provider, world.name
        (first,) = world.live()
        before = await provider.state(name)
        assert (before.version, before.current, before.candidate, before.superseded) == (1, first, None, ())
        assert not before.in_place
        await provider.make(name, f"{LABEL} 1")
        made = await provider.state(name)
        assert made.candidate in world.live() - {first}
        assert (made.version, made.current, made.candidate_stored) == (1, first, True)
        assert await provider.candidate_works(name)
        assert await world.signs_in(None)
        with pytest.raises(Conflict):
            await provider.promote(name, 7)
        await provider.promote(name, 1)
        used = await provider.state(name)
        assert (used.version, used.current, used.superseded) == (2, made.candidate, (first,))
        assert await world.signs_in(None)
        assert await provider.version_works(name, 1)
        assert not await provider.version_dead(name, 1)
        if await provider.suspend(name, first):
            assert await world.gone(1)
        await provider.remove(name, first)
        await provider.remove(name, first)
        assert await world.gone(1)
        assert not await provider.version_works(name, 1)
        assert await provider.version_dead(name, 1)
        assert await provider.version_works(name, 2)
        assert await world.signs_in(None)
        await provider.forget_candidate(name)
        await provider.forget_candidate(name)
        after = await provider.state(name)
        assert world.live() == {made.candidate}
        assert (after.candidate_stored, after.superseded, after.others) == (False, (), ())

    async def test_a_candidate_that_is_given_up_is_killed(self, world: CredentialsWorld) -> None:
        before = world.live()
        await world.provider.make(world.name, f"{LABEL} 1")
        await world.provider.discard(world.name)
        await world.provider.discard(world.name)
        assert world.live() == before
        assert await world.signs_in(None)


class CredentialsInPlaceConformance:
    """The service knows one at a time. Inherit and give the fixture ``world``; its ``live`` is not asked."""

    def test_has_every_method(self, world: CredentialsWorld) -> None:
        assert isinstance(world.provider, Credentials)

    async def test_one_for_another(self, world: CredentialsWorld) -> None:
        provider, name = world.provider, world.name
        before = await provider.state(name)
        assert (before.version, before.current, before.candidate, before.in_place) == (1, "version-1", None, True)
        await provider.make(name, f"{LABEL} 1")
        assert await world.gone(1), "the new one took its place"
        made = await provider.state(name)
        assert (made.version, made.current, made.candidate, made.candidate_stored) == (1, None, "candidate", True)
        assert await provider.candidate_works(name)
        with pytest.raises(Conflict):
            await provider.promote(name, 7)
        await provider.promote(name, 1)
        assert await world.signs_in(None)
        used = await provider.state(name)
        assert (used.version, used.current, used.candidate) == (2, "version-2", "version-2")
        assert (used.superseded, used.others) == ((), ())
        assert not await provider.suspend(name, "version-1")
        await provider.remove(name, "version-1")
        assert await provider.version_dead(name, 1)
        assert not await provider.version_works(name, 1)
        assert await provider.version_works(name, 2)
        assert not await provider.version_dead(name, 2)
        await provider.forget_candidate(name)
        await provider.forget_candidate(name)
        after = await provider.state(name)
        assert (after.current, after.candidate_stored) == ("version-2", False)
        assert await world.signs_in(None)

    async def test_a_candidate_that_is_given_up_gives_the_place_back(self, world: CredentialsWorld) -> None:
        await world.provider.make(world.name, f"{LABEL} 1")
        assert await world.gone(1)
        await world.provider.discard(world.name)
        await world.provider.discard(world.name)
        assert await world.signs_in(None)
        assert await world.signs_in(1)
        after = await world.provider.state(world.name)
        assert (after.version, after.current, after.candidate_stored) == (1, "version-1", False)
