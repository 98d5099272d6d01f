"""What every ``credentials`` must do, with the service and the vault behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from tenantry.capabilities.credentials import LABEL, Credentials
from tenantry.errors import Conflict


@dataclass
class CredentialsWorld:
    """A provider ``m365`` whose one credential is in the vault.

    Attributes:
        provider: what is tested.
        live: ids of the credentials that the service has.
        signs_in: whether a version in the vault signs in; the newest when None.
    """

    provider: Credentials
    live: Callable[[], set[str]]
    signs_in: Callable[[int | None], Awaitable[bool]]


class CredentialsConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: CredentialsWorld) -> None:
        assert isinstance(world.provider, Credentials)

    async def test_one_for_another(self, world: CredentialsWorld) -> None:
        provider = world.provider
        (first,) = world.live()
        before = await provider.state("m365")
        assert (before.version, before.current, before.candidate, before.superseded) == (1, first, None, ())
        await provider.make("m365", f"{LABEL} 1")
        made = await provider.state("m365")
        assert made.candidate in world.live() - {first}
        assert (made.version, made.current, made.candidate_stored) == (1, first, True)
        assert await provider.candidate_works("m365")
        assert await world.signs_in(None)
        with pytest.raises(Conflict):
            await provider.promote("m365", 7)
        await provider.promote("m365", 1)
        used = await provider.state("m365")
        assert (used.version, used.current, used.superseded) == (2, made.candidate, (first,))
        assert await provider.version_works("m365", 1)
        await provider.remove("m365", first)
        await provider.remove("m365", first)
        assert not await provider.version_works("m365", 1)
        assert await provider.version_works("m365", 2)
        await provider.forget_candidate("m365")
        await provider.forget_candidate("m365")
        after = await provider.state("m365")
        assert world.live() == {made.candidate}
        assert (after.candidate_stored, after.superseded, after.others) == (False, (), ())

    async def test_a_candidate_that_is_given_up_is_killed(self, world: CredentialsWorld) -> None:
        before = world.live()
        await world.provider.make("m365", f"{LABEL} 1")
        await world.provider.discard("m365")
        await world.provider.discard("m365")
        assert world.live() == before
        assert await world.signs_in(None)
