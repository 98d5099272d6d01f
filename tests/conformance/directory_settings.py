"""What every provider of ``directory_settings`` must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tenantry.capabilities import DirectorySettings


@dataclass
class DirectorySettingsWorld:
    """A directory as it is made: everybody registers, consents and invites, nobody is asked, older ways to sign in are on, files are shared with anybody,
    nothing is demanded of credentials; of one role
    activation is approved by one group, and one address is told of it."""

    provider: DirectorySettings
    approved: str
    plain: str
    writes: Callable[[], int]


class DirectorySettingsConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: DirectorySettingsWorld) -> None:
        assert isinstance(world.provider, DirectorySettings)

    async def test_liberties(self, world: DirectorySettingsWorld) -> None:
        found = await world.provider.liberties()
        told = (found.registers_applications, found.consents, found.guests, found.invites)
        assert told == (True, ("microsoft-user-default-legacy",), "limited", "everyone")

    async def test_consent_requests(self, world: DirectorySettingsWorld) -> None:
        found = await world.provider.consent_requests()
        assert (found.enabled, found.reviewers) == (False, 0)

    async def test_sign_in_methods(self, world: DirectorySettingsWorld) -> None:
        found = await world.provider.sign_in_methods()
        assert (found.migration, found.shows) == ("preMigration", ())
        assert (found.states["Sms"], found.states["Voice"], found.states["MicrosoftAuthenticator"]) == (
            True,
            False,
            True,
        )

    async def test_credential_rules(self, world: DirectorySettingsWorld) -> None:
        found = await world.provider.credential_rules()
        assert (found.enabled, found.rules) == (False, ())

    async def test_sharing(self, world: DirectorySettingsWorld) -> None:
        found = await world.provider.sharing()
        assert (found.reach, found.restriction, found.domains) == ("externalUserAndGuestSharing", "none", ())

    async def test_role_rules(self, world: DirectorySettingsWorld) -> None:
        found = {one.role_id: one async for one in world.provider.role_rules()}
        approved, plain = found[world.approved], found[world.plain]
        assert (approved.approval, approved.approvers) == (True, 1)
        assert dict(approved.told) == {"assigned": 0, "made_eligible": 0, "activated": 1}
        assert (plain.approval, plain.approvers, set(plain.told.values())) == (False, 0, {0})
        assert world.writes() == 0
