"""What every provider of ``identity`` must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from tenantry.capabilities import Consent, Identity
from tenantry.errors import Rejected, TargetNotFound


@dataclass
class IdentityWorld:
    """A tenant as the suite needs it. Times span what the tenant's logs hold."""

    provider: Identity
    user: str
    user_id: str
    accounts: int
    missing_id: str
    admin: str
    role: str
    holders: int
    method: tuple[str, str]
    other_method: tuple[str, str]
    password_method: tuple[str, str]
    consent: str
    other_consent: str
    device: str
    other_device: str
    attacker_ip: str
    since: datetime
    until: datetime
    writes: Callable[[], int]
    """How many writes the vendor has accepted."""


class IdentityConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: IdentityWorld) -> None:
        assert isinstance(world.provider, Identity)

    async def test_an_account_by_name_and_by_id(self, world: IdentityWorld) -> None:
        by_name = await world.provider.account(world.user)
        assert (by_name.id, by_name.upn, by_name.enabled) == (world.user_id, world.user, True)
        by_id = await world.provider.account(world.user_id)
        assert by_id.upn == world.user
        assert by_name.raw, "the vendor's own object is kept for the evidence"

    @pytest.mark.parametrize("wrong", ["nobody@nowhere.example", "id"])
    async def test_an_account_that_is_not_there(self, world: IdentityWorld, wrong: str) -> None:
        with pytest.raises(TargetNotFound):
            await world.provider.account(world.missing_id if wrong == "id" else wrong)

    async def test_accounts_lists_each_once(self, world: IdentityWorld) -> None:
        ids = [account.id async for account in world.provider.accounts()]
        assert len(ids) == len(set(ids)) == world.accounts
        assert world.user_id in ids

    async def test_sign_in_is_blocked_and_allowed_again(self, world: IdentityWorld) -> None:
        await world.provider.set_enabled(world.user, False)
        assert not (await world.provider.account(world.user)).enabled
        await world.provider.set_enabled(world.user, False)
        await world.provider.set_enabled(world.user_id, True)
        assert (await world.provider.account(world.user)).enabled

    async def test_what_ties_it_to_active_directory_is_forgotten_and_written_back(self, world: IdentityWorld) -> None:
        before = await world.provider.directory_anchor(world.user_id)
        await world.provider.set_directory_anchor(world.user_id, "pQ2nW7sKk0mF1ZxJ8uYb3A==")
        assert await world.provider.directory_anchor(world.user_id) == "pQ2nW7sKk0mF1ZxJ8uYb3A=="
        await world.provider.set_directory_anchor(world.user_id, None)
        assert (before, await world.provider.directory_anchor(world.user_id)) == (None, None)

    async def test_an_account_is_deleted_and_restored(self, world: IdentityWorld) -> None:
        before = world.writes()
        await world.provider.delete_account(world.user_id)
        await world.provider.delete_account(world.user_id)
        with pytest.raises(TargetNotFound):
            await world.provider.account(world.user_id)
        assert world.user_id not in [one.id async for one in world.provider.accounts()]
        await world.provider.restore_account(world.user_id)
        assert (await world.provider.account(world.user_id)).id == world.user_id
        assert world.writes() == before + 2, "the repeated one changed nothing"
        with pytest.raises(TargetNotFound):
            await world.provider.restore_account(world.missing_id)

    async def test_sessions_end(self, world: IdentityWorld) -> None:
        before = (await world.provider.account(world.user)).sessions_valid_from
        await world.provider.revoke_sessions(world.user)
        after = (await world.provider.account(world.user)).sessions_valid_from
        assert after is not None
        assert before is not None
        assert after > before
        assert after.tzinfo is not None

    async def test_a_password_is_set(self, world: IdentityWorld) -> None:
        before = (await world.provider.account(world.user)).last_password_change
        await world.provider.reset_password(world.user, SecretStr("Tr4ns!tion-9271-kite"), change_at_next_sign_in=True)
        after = (await world.provider.account(world.user)).last_password_change
        assert after is not None
        assert before is not None
        assert after > before

    async def test_roles_of_an_administrator_and_of_a_user(self, world: IdentityWorld) -> None:
        roles = await world.provider.roles(world.admin)
        held = [role for role in roles if role.role == world.role]
        assert len(held) == 1
        assert held[0].privileged
        assert not any(role.privileged for role in await world.provider.roles(world.user_id))

    async def test_holders_of_a_role(self, world: IdentityWorld) -> None:
        holders = {account.upn for account in await world.provider.role_holders(world.role)}
        assert len(holders) == world.holders
        assert world.admin in holders
        assert world.user not in holders

    async def test_a_role_that_does_not_exist(self, world: IdentityWorld) -> None:
        with pytest.raises(TargetNotFound):
            await world.provider.role_holders("Grand Vizier")

    async def test_one_method_is_removed_and_no_other(self, world: IdentityWorld) -> None:
        kind, method = world.method
        before = {(found.kind, found.id) for found in await world.provider.methods(world.user)}
        assert {world.method, world.other_method, world.password_method} <= before
        await world.provider.remove_method(world.user, kind, method)
        after = {(found.kind, found.id) for found in await world.provider.methods(world.user)}
        assert before - after == {world.method}
        await world.provider.remove_method(world.user, kind, method)  # absent counts as removed

    async def test_a_password_is_no_method_to_remove(self, world: IdentityWorld) -> None:
        with pytest.raises(Rejected):
            await world.provider.remove_method(world.user, *world.password_method)

    async def test_a_consent_is_removed_and_given_again(self, world: IdentityWorld) -> None:
        before = {consent.id: consent for consent in await world.provider.consents(world.user)}
        assert {world.consent, world.other_consent} <= before.keys()
        consent = before[world.consent]
        recorded = Consent.model_validate(consent.model_dump(mode="json"))  # as the journal gives it back
        await world.provider.remove_consent(recorded)
        left = {held.id for held in await world.provider.consents(world.user)}
        assert before.keys() - left == {world.consent}
        await world.provider.remove_consent(recorded)  # absent counts as removed
        await world.provider.add_consent(recorded)
        again = [held for held in await world.provider.consents(world.user) if held.id not in before]
        assert [(held.app_id, held.kind, held.scope, held.account_id) for held in again] == [
            (consent.app_id, consent.kind, consent.scope, consent.account_id)
        ]

    async def test_a_device_is_disabled_and_no_other(self, world: IdentityWorld) -> None:
        listed = {device.id: device for device in await world.provider.devices(world.user)}
        assert {world.device, world.other_device} <= listed.keys()
        await world.provider.set_device_enabled(world.device, False)
        assert not (await world.provider.device(world.device)).enabled
        assert (await world.provider.device(world.other_device)).enabled
        await world.provider.set_device_enabled(world.device, True)
        assert (await world.provider.device(world.device)).enabled

    async def test_a_device_that_is_not_there(self, world: IdentityWorld) -> None:
        with pytest.raises(TargetNotFound):
            await world.provider.device(world.missing_id)

    async def test_sign_ins_of_one_account(self, world: IdentityWorld) -> None:
        found = [entry async for entry in world.provider.sign_ins(world.user, world.since, world.until)]
        assert found
        assert len({entry.id for entry in found}) == len(found)
        assert {entry.upn for entry in found} == {world.user}
        times = [entry.at for entry in found]
        assert times == sorted(times, reverse=True)
        assert all(world.since <= at <= world.until for at in times)
        middle = times[len(times) // 2]
        early = [entry.id async for entry in world.provider.sign_ins(world.user, world.since, middle)]
        assert early == [entry.id for entry in found if entry.at <= middle]

    async def test_sign_ins_typed_and_silent(self, world: IdentityWorld) -> None:
        found = [entry async for entry in world.provider.sign_ins(world.user, world.since, world.until)]
        assert {entry.interactive for entry in found} == {True, False}

    async def test_sign_ins_of_everybody(self, world: IdentityWorld) -> None:
        users = {entry.upn async for entry in world.provider.sign_ins(None, world.since, world.until)}
        assert world.user in users
        assert len(users) > 1

    async def test_sign_ins_from_one_address(self, world: IdentityWorld) -> None:
        found = [entry async for entry in world.provider.sign_ins_from(world.attacker_ip, world.since, world.until)]
        assert found
        assert {entry.ip for entry in found} == {world.attacker_ip}
        everything = [entry async for entry in world.provider.sign_ins(None, world.since, world.until)]
        assert {entry.id for entry in found} == {entry.id for entry in everything if entry.ip == world.attacker_ip}

    async def test_an_address_that_is_none(self, world: IdentityWorld) -> None:
        with pytest.raises(Rejected):
            [_ async for _ in world.provider.sign_ins_from("' or 1 eq 1", world.since, world.until)]

    async def test_directory_events(self, world: IdentityWorld) -> None:
        found = [event async for event in world.provider.directory_events(world.user, world.since, world.until)]
        assert found
        assert len({event.id for event in found}) == len(found)
        assert all(event.actor_upn == world.user or world.user_id in event.target_ids for event in found)
        times = [event.at for event in found]
        assert times == sorted(times, reverse=True)
        assert all(at.tzinfo is not None for at in times)

    async def test_reads_change_nothing(self, world: IdentityWorld) -> None:
        before = world.writes()
        provider = world.provider
        await provider.account(world.user)
        await provider.roles(world.user)
        await provider.role_holders(world.role)
        await provider.methods(world.user)
        await provider.consents(world.user)
        await provider.devices(world.user)
        until = datetime.now(UTC)
        for stream in (
            provider.accounts(),
            provider.sign_ins(world.user, until - timedelta(days=1), until),
            provider.sign_ins_from(world.attacker_ip, until - timedelta(days=1), until),
            provider.directory_events(world.user, until - timedelta(days=1), until),
        ):
            async for _ in stream:
                pass
        assert world.writes() == before
