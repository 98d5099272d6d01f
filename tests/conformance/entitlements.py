"""What every provider of ``entitlements`` must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tenantry.capabilities import Entitlements


@dataclass
class EntitlementsWorld:
    provider: Entitlements
    user: str
    user_id: str
    group: str
    """The account is a member of it."""
    sku: str
    writes: Callable[[], int]


class EntitlementsConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: EntitlementsWorld) -> None:
        assert isinstance(world.provider, Entitlements)

    async def test_a_group_is_left_and_joined_again(self, world: EntitlementsWorld) -> None:
        one = next(m for m in await world.provider.memberships(world.user) if m.group_id == world.group)
        assert (one.fixed, bool(one.name), bool(one.raw)) == (None, True, True)
        await world.provider.remove_membership(world.user_id, world.group)
        await world.provider.remove_membership(world.user_id, world.group)
        assert world.group not in [m.group_id for m in await world.provider.memberships(world.user)]
        await world.provider.add_membership(world.user_id, world.group)
        await world.provider.add_membership(world.user_id, world.group)
        assert world.group in [m.group_id for m in await world.provider.memberships(world.user_id)]
        assert world.writes() == 2, "the repeated ones changed nothing"

    async def test_a_licence_is_taken_and_given_back_as_it_was(self, world: EntitlementsWorld) -> None:
        (before,) = [one for one in await world.provider.licences(world.user) if one.sku == world.sku]
        assert before.from_groups == ()
        await world.provider.remove_licence(world.user_id, world.sku)
        await world.provider.remove_licence(world.user_id, world.sku)
        assert world.sku not in [one.sku for one in await world.provider.licences(world.user)]
        await world.provider.add_licence(world.user_id, world.sku, before.disabled_plans)
        (after,) = [one for one in await world.provider.licences(world.user) if one.sku == world.sku]
        assert (after.name, after.disabled_plans) == (before.name, before.disabled_plans)
