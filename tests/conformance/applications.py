"""What every provider of ``applications`` must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pytest

from tenantry.capabilities import Applications
from tenantry.errors import TargetNotFound


@dataclass
class ApplicationsWorld:
    """A tenant with one application that was let in, beside others. Times span what the tenant's logs hold."""

    provider: Applications
    application: str
    client_id: str
    name: str
    grants: dict[str, set[str]]
    """Kind → ids."""
    credential: str
    own: str
    """An application that the tenant registered itself, with this credential beside another one."""
    own_credential: str
    owner: str
    consented_by: set[str]
    sign_ins: int
    missing_id: str
    since: datetime
    until: datetime
    writes: Callable[[], int]
    """How many writes the vendor has accepted."""


class ApplicationsConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: ApplicationsWorld) -> None:
        assert isinstance(world.provider, Applications)

    async def test_found_by_id_client_id_and_name(self, world: ApplicationsWorld) -> None:
        for name in (world.application, world.client_id, world.name):
            (found,) = await world.provider.find(name)
            assert (found.id, found.app_id, found.name) == (world.application, world.client_id, world.name)
            assert (found.enabled, found.verified, found.own, found.ours) == (True, False, False, False)
            assert found.raw, "the vendor's own object is kept for the evidence"
        (own,) = await world.provider.find(world.own)
        assert own.own

    @pytest.mark.parametrize("wrong", ["No Such Application", "it's", "id"])
    async def test_what_is_not_there(self, world: ApplicationsWorld, wrong: str) -> None:
        assert list(await world.provider.find(world.missing_id if wrong == "id" else wrong)) == []
        with pytest.raises(TargetNotFound):
            await world.provider.application(world.missing_id)

    async def test_disabled_and_enabled_again(self, world: ApplicationsWorld) -> None:
        for enabled in (False, False, True):
            await world.provider.set_enabled(world.application, enabled)
            assert (await world.provider.application(world.application)).enabled is enabled

    async def test_every_kind_of_grant_is_listed(self, world: ApplicationsWorld) -> None:
        found: dict[str, set[str]] = {}
        for grant in await world.provider.grants(world.application):
            found.setdefault(grant.kind, set()).add(grant.id)
            assert grant.application_id == world.application
            assert grant.kind == "assignment" or grant.scope
        assert found == world.grants

    @pytest.mark.parametrize("kind", ["delegated", "role", "assignment"])
    async def test_a_grant_is_removed_and_given_again(self, world: ApplicationsWorld, kind: str) -> None:
        before = {grant.id: grant for grant in await world.provider.grants(world.application)}
        grant = next(grant for grant in before.values() if grant.kind == kind)
        await world.provider.remove_grant(grant)
        assert {held.id for held in await world.provider.grants(world.application)} == before.keys() - {grant.id}
        writes = world.writes()
        await world.provider.remove_grant(grant)  # absent counts as removed
        assert world.writes() == writes
        await world.provider.add_grant(grant)
        again = [held for held in await world.provider.grants(world.application) if held.id not in before]
        assert [(g.kind, g.account_id, g.resource_id, g.scope) for g in again] == [
            (grant.kind, grant.account_id, grant.resource_id, grant.scope)
        ]

    async def test_one_credential_is_removed_and_no_other(self, world: ApplicationsWorld) -> None:
        for application, wanted in ((world.application, world.credential), (world.own, world.own_credential)):
            before = {held.id: held for held in await world.provider.credentials(application)}
            await world.provider.remove_credential(before[wanted])
            assert {held.id for held in await world.provider.credentials(application)} == before.keys() - {wanted}
            writes = world.writes()
            await world.provider.remove_credential(before[wanted])  # absent counts as removed
            assert world.writes() == writes

    async def test_owners(self, world: ApplicationsWorld) -> None:
        assert list(await world.provider.owners(world.application)) == []
        assert [owner.name for owner in await world.provider.owners(world.own)] == [world.owner]

    async def test_its_own_sign_ins_newest_first(self, world: ApplicationsWorld) -> None:
        found = [entry async for entry in world.provider.sign_ins(world.application, world.since, world.until)]
        assert len(found) == world.sign_ins
        assert found == sorted(found, key=lambda entry: entry.at, reverse=True)
        assert [entry async for entry in world.provider.sign_ins(world.own, world.since, world.until)] == []

    async def test_what_was_done_to_it_and_by_it(self, world: ApplicationsWorld) -> None:
        found = [event async for event in world.provider.events(world.application, world.since, world.until)]
        assert {event.actor_upn for event in found if "Consent" in event.activity} == world.consented_by
        assert any("secrets" in event.activity for event in found)
        assert len({event.id for event in found}) == len(found)
        assert found == sorted(found, key=lambda event: event.at, reverse=True)

    async def test_who_may_consent(self, world: ApplicationsWorld) -> None:
        policy = await world.provider.consent_policy()
        assert policy.users_may_consent is True
        assert policy.raw

    async def test_reading_writes_nothing(self, world: ApplicationsWorld) -> None:
        before = world.writes()
        await world.provider.find(world.name)
        await world.provider.grants(world.application)
        await world.provider.credentials(world.application)
        await world.provider.owners(world.application)
        await world.provider.consent_policy()
        assert world.writes() == before
