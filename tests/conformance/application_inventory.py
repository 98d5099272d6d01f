"""What every provider of ``application_inventory`` must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tenantry.capabilities import ApplicationInventory


@dataclass
class InventoryWorld:
    """A tenant with an application of a stranger's, one of its own with a credential and owners, and one that others sign in to."""

    provider: ApplicationInventory
    stranger: str
    """Its client id; it has ``permission``, and ``grant`` is one of its delegated grants."""
    permission: str
    grant: str
    own: str
    """Client id of one of the tenant's own, with ``credential``."""
    credential: str
    federated: str
    """Client id of one that tokens of ``issuer`` sign in to, owned by ``owner``, a guest."""
    issuer: str
    owner: str
    writes: Callable[[], int]


class ApplicationInventoryConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: InventoryWorld) -> None:
        assert isinstance(world.provider, ApplicationInventory)

    async def test_every_application_once_with_all_that_it_has(self, world: InventoryWorld) -> None:
        listed = [one async for one in world.provider.applications()]
        found = {one.application.app_id: one for one in listed}
        assert len(found) == len(listed)
        assert world.permission in {one.name for one in found[world.stranger].permissions}
        assert not found[world.stranger].application.own
        assert world.credential in {one.id for one in found[world.own].credentials}
        assert found[world.own].application.own
        assert found[world.own].created_at is not None
        assert [one.issuer for one in found[world.federated].federated] == [world.issuer]
        assert {one.name: one.guest for one in found[world.federated].owners}[world.owner]
        assert any(one.application.first_party for one in listed)
        assert any(one.application.ours for one in listed)

    async def test_every_grant(self, world: InventoryWorld) -> None:
        found = {one.id: one async for one in world.provider.grants()}
        grant = found[world.grant]
        assert grant.app_id == world.stranger
        assert grant.scopes
        assert {one.account_id is None for one in found.values()} == {True, False}
        assert {one.verified for one in found.values()} == {True, False}

    async def test_reading_changes_nothing(self, world: InventoryWorld) -> None:
        before = world.writes()
        _ = [one async for one in world.provider.applications()]
        assert world.writes() == before
