"""What every provider of ``directory`` must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tenantry.capabilities import Directory


@dataclass
class DirectoryWorld:
    """A directory with one of everything that a sweep looks at."""

    provider: Directory
    administrator: str
    """Was given a privileged role at ``given_at``."""
    given_at: datetime
    application: str
    """Holds a role, by its name."""
    activator: str
    """Activated a role; may activate it."""
    weak_policy: str
    trusted: str
    """A named location."""
    federated: str
    """A domain."""
    hidden_unit: str
    device: str
    guest: str
    member: str
    """Invited, and a member."""
    partner: str
    """A tenant's id."""
    risky: str
    """Object id of an account at risk."""
    method: str
    """Id of one of its methods."""
    since: datetime
    writes: Callable[[], int]


class DirectoryConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: DirectoryWorld) -> None:
        assert isinstance(world.provider, Directory)

    async def test_who_holds_roles_since_when_and_how(self, world: DirectoryWorld) -> None:
        found = [one async for one in world.provider.role_holdings()]
        given = [one for one in found if one.principal == world.administrator]
        assert [(one.kind, one.privileged, one.how, one.began_at) for one in given] == [
            ("user", True, "assigned", world.given_at)
        ]
        assert {one.how for one in found if one.principal == world.activator} == {"activated", "eligible"}
        [application] = [one for one in found if one.principal == world.application]
        assert (application.kind, application.first_party) == ("application", False)
        assert application.app_id
        assert all(one.dated for one in found)

    async def test_what_decides_about_sign_ins(self, world: DirectoryWorld) -> None:
        policies = {one.name: one async for one in world.provider.policies()}
        assert policies[world.weak_policy].demands
        assert not policies[world.weak_policy].enforced
        assert any(one.enforced and one.everybody for one in policies.values())
        locations = {one.name: one async for one in world.provider.locations()}
        assert locations[world.trusted].trusted
        assert locations[world.trusted].networks
        assert any(not one.trusted for one in locations.values())

    async def test_domains_and_units(self, world: DirectoryWorld) -> None:
        domains = {one.name: one async for one in world.provider.domains()}
        assert domains[world.federated].federated
        assert domains[world.federated].sign_in_host
        assert domains[world.federated].certificate_since is not None
        assert any(not one.federated for one in domains.values())
        units = {one.name: one.hidden async for one in world.provider.units()}
        assert [name for name, hidden in units.items() if hidden] == [world.hidden_unit]

    async def test_devices_guests_and_partners(self, world: DirectoryWorld) -> None:
        assert world.device in {one.id async for one in world.provider.devices()}
        guests = {one.upn: one.member async for one in world.provider.guests()}
        assert (guests[world.guest], guests[world.member]) == (False, True)
        assert world.partner in {one.tenant_id async for one in world.provider.partners()}

    async def test_people_and_their_risks(self, world: DirectoryWorld) -> None:
        registered = {one.upn: one async for one in world.provider.registrations()}
        assert registered[world.administrator].administrator
        assert not registered[world.administrator].second_factor
        risks = [one async for one in world.provider.risks(world.since)]
        assert world.risky in {one.account_id for one in risks}
        later = [one async for one in world.provider.risks(datetime.now(world.since.tzinfo))]
        assert later == []
        nobody = "00000000-0000-4000-8000-000000000000"
        none, methods = await world.provider.methods_of([nobody, world.risky])
        assert list(none) == []
        assert world.method in {one.id for one in methods}

    async def test_when_each_account_was_used_last(self, world: DirectoryWorld) -> None:
        uses = {one.upn: one async for one in world.provider.account_uses()}
        assert set(uses) >= {world.administrator, world.guest, world.member}
        assert (uses[world.guest].guest, uses[world.administrator].guest) == (True, False)
        assert uses[world.administrator].used_at is not None
        assert all(one.enabled and one.created_at is not None for one in uses.values())

    async def test_reading_changes_nothing(self, world: DirectoryWorld) -> None:
        before = world.writes()
        _ = [one async for one in world.provider.role_holdings()]
        assert world.writes() == before
