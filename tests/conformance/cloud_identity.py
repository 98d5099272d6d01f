"""What every provider of ``cloud_identity`` must do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from tenantry.capabilities import CloudIdentity
from tenantry.errors import OutOfScope, Rejected, TargetNotFound


@dataclass
class CloudIdentityWorld:
    """An account as the suite needs it."""

    provider: CloudIdentity
    account: str
    user: str
    """``user/NAME`` with one active key, a password, one second factor, one inline and one attached policy, and one group."""
    other: str
    """A user without anything."""
    role: str
    key: str
    """Of ``user``."""
    mfa: str
    inline: str
    attached: str
    group: str
    admin: str
    """The only administrator among the users."""
    tells_change: bool = True
    """Whether the counterpart keeps that a password must be changed (moto does not)."""


class CloudIdentityConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: CloudIdentityWorld) -> None:
        assert isinstance(world.provider, CloudIdentity)

    async def test_knows_who_we_are(self, world: CloudIdentityWorld) -> None:
        found = await world.provider.caller()
        assert found.account == world.account
        assert (await world.provider.principal(found.ref)).kind == "role"

    async def test_principals_are_listed_each_once(self, world: CloudIdentityWorld) -> None:
        found = [principal async for principal in world.provider.principals()]
        refs = [principal.ref for principal in found]
        assert len(refs) == len(set(refs))
        assert {world.user, world.other, world.role, world.admin} <= set(refs)
        assert [p.ref async for p in world.provider.principals("role")] == [p.ref for p in found if p.kind == "role"]

    async def test_one_principal_by_each_of_its_names(self, world: CloudIdentityWorld) -> None:
        by_ref = await world.provider.principal(world.user)
        assert (by_ref.ref, by_ref.kind) == (world.user, "user")
        assert by_ref.created_at.tzinfo is not None
        assert (await world.provider.principal(by_ref.arn)).id == by_ref.id
        assert (await world.provider.principal(by_ref.id)).ref == world.user
        assert by_ref.raw, "the vendor's own object is kept for the evidence"

    @pytest.mark.parametrize("wrong", ["user/nobody", "role/nobody", "AIDA0000000000000000"])
    async def test_a_principal_that_is_not_there(self, world: CloudIdentityWorld, wrong: str) -> None:
        with pytest.raises(TargetNotFound):
            await world.provider.principal(wrong)

    async def test_another_accounts_principal_is_refused(self, world: CloudIdentityWorld) -> None:
        with pytest.raises(OutOfScope):
            await world.provider.principal("arn:aws:iam::000000000001:user/somebody")
        with pytest.raises(OutOfScope):
            await world.provider.set_denied("arn:aws:iam::000000000001:user/somebody", True)

    @pytest.mark.parametrize("wrong", ["", "somebody", "user/", "user/a/b/../c d", "../x"])
    async def test_what_names_nothing_is_refused(self, world: CloudIdentityWorld, wrong: str) -> None:
        with pytest.raises(Rejected):
            await world.provider.principal(wrong)

    async def test_administrators_hold_the_policy_and_can_be_used(self, world: CloudIdentityWorld) -> None:
        found = {principal.ref for principal in await world.provider.administrators()}
        assert world.admin in found
        assert not {world.user, world.other} & found

    # --- keys ---------------------------------------------------------------------------------------------------------

    async def test_a_key_is_deactivated_and_activated(self, world: CloudIdentityWorld) -> None:
        before = await world.provider.key(world.key)
        assert (before.owner, before.active) == (world.user, True)
        await world.provider.set_key_active(world.key, False)
        assert not (await world.provider.key(world.key)).active
        await world.provider.set_key_active(world.key, False)
        await world.provider.set_key_active(world.key, True)
        assert [key.active for key in await world.provider.keys(world.user)] == [True]

    async def test_a_key_that_is_not_there(self, world: CloudIdentityWorld) -> None:
        with pytest.raises(TargetNotFound):
            await world.provider.key("AKIA0000000000000000")
        with pytest.raises(TargetNotFound):
            await world.provider.set_key_active("AKIA0000000000000000", False)

    async def test_a_key_is_made_and_removed(self, world: CloudIdentityWorld) -> None:
        made = await world.provider.create_key(world.user)
        assert made.secret.get_secret_value()
        assert made.secret.get_secret_value() not in repr(made)
        assert {key.id for key in await world.provider.keys(world.user)} == {world.key, made.id}
        await world.provider.remove_key(made.id)
        await world.provider.remove_key(made.id)  # absent counts as removed
        assert [key.id for key in await world.provider.keys(world.user)] == [world.key]

    # --- passwords and second factors ---------------------------------------------------------------------------------

    async def test_a_password_is_taken_away_and_given(self, world: CloudIdentityWorld) -> None:
        assert (await world.provider.login(world.user)) is not None
        assert (await world.provider.login(world.other)) is None
        await world.provider.remove_login(world.user)
        await world.provider.remove_login(world.user)
        assert (await world.provider.login(world.user)) is None
        password = SecretStr("Tr4ns!tion-9271-kite")
        await world.provider.set_login(world.user, password, change_at_next_sign_in=True)
        found = await world.provider.login(world.user)
        assert found is not None
        assert found.change_at_next_sign_in or not world.tells_change
        await world.provider.set_login(world.user, password, change_at_next_sign_in=False)
        with pytest.raises(TargetNotFound):
            await world.provider.login("user/nobody")

    async def test_a_second_factor_is_deactivated(self, world: CloudIdentityWorld) -> None:
        assert [device.id for device in await world.provider.mfa_devices(world.user)] == [world.mfa]
        await world.provider.deactivate_mfa(world.user, world.mfa)
        await world.provider.deactivate_mfa(world.user, world.mfa)
        assert list(await world.provider.mfa_devices(world.user)) == []

    # --- policies -----------------------------------------------------------------------------------------------------

    async def test_policies_with_their_documents(self, world: CloudIdentityWorld) -> None:
        found = {policy.id: policy for policy in await world.provider.policies(world.user)}
        assert set(found) == {world.inline, world.attached}
        assert found[world.inline].kind == "inline"
        assert found[world.inline].document
        assert found[world.attached].kind == "attached"
        held = await world.provider.policies(world.admin)
        assert any(policy.administrator for policy in held)

    async def test_an_inline_policy_is_put_replaced_and_removed(self, world: CloudIdentityWorld) -> None:
        for action in ("s3:ListAllMyBuckets", "ec2:DescribeInstances"):
            document = {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}],
            }
            await world.provider.put_policy(world.other, "mine", document)
            (found,) = await world.provider.policies(world.other)
            assert found.document == document
        await world.provider.remove_policy(world.other, "mine")
        await world.provider.remove_policy(world.other, "mine")
        assert list(await world.provider.policies(world.other)) == []

    async def test_a_policy_is_detached_and_attached(self, world: CloudIdentityWorld) -> None:
        await world.provider.detach_policy(world.user, world.attached)
        await world.provider.detach_policy(world.user, world.attached)
        assert [policy.id for policy in await world.provider.policies(world.user)] == [world.inline]
        await world.provider.attach_policy(world.user, world.attached)
        assert {policy.id for policy in await world.provider.policies(world.user)} == {world.inline, world.attached}

    async def test_policies_of_a_group_are_taken_away_and_given_back(self, world: CloudIdentityWorld) -> None:
        provider = world.provider
        allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
        for _ in range(2):
            await provider.put_policy(world.group, "theirs", {"Version": "2012-10-17", "Statement": [allow]})
            await provider.attach_policy(world.group, world.attached)
        assert {held.id for held in await provider.policies(world.group)} == {"theirs", world.attached}
        for _ in range(2):
            await provider.remove_policy(world.group, "theirs")
            await provider.detach_policy(world.group, world.attached)
        assert not await provider.policies(world.group)

    async def test_groups(self, world: CloudIdentityWorld) -> None:
        assert list(await world.provider.groups(world.user)) == [world.group]
        assert list(await world.provider.groups(world.other)) == []

    async def test_everything_is_denied_and_allowed_again(self, world: CloudIdentityWorld) -> None:
        for principal in (world.user, world.role):
            assert not await world.provider.denied(principal)
            await world.provider.set_denied(principal, True)
            assert await world.provider.denied(principal)
            await world.provider.set_denied(principal, False)
            await world.provider.set_denied(principal, False)
            assert not await world.provider.denied(principal)
        with pytest.raises(TargetNotFound):
            await world.provider.denied("user/nobody")

    # --- sessions and trust -------------------------------------------------------------------------------------------

    async def test_sessions_are_cut_at_a_moment_that_only_moves_on(self, world: CloudIdentityWorld) -> None:
        moment = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
        assert await world.provider.sessions_cut(world.role) is None
        await world.provider.cut_sessions(world.role, moment)
        assert await world.provider.sessions_cut(world.role) == moment
        await world.provider.cut_sessions(world.role, moment - timedelta(hours=1))
        assert await world.provider.sessions_cut(world.role) == moment
        await world.provider.cut_sessions(world.role, moment + timedelta(hours=1))
        assert await world.provider.sessions_cut(world.role) == moment + timedelta(hours=1)
        await world.provider.allow_sessions(world.role)
        assert await world.provider.sessions_cut(world.role) is None

    async def test_the_trust_of_a_role_is_exchanged(self, world: CloudIdentityWorld) -> None:
        before = await world.provider.trust(world.role)
        assert before["Statement"]
        wider = {**before, "Statement": [*before["Statement"], {**before["Statement"][0], "Sid": "Added"}]}
        await world.provider.set_trust(world.role, wider)
        assert await world.provider.trust(world.role) == wider
        await world.provider.set_trust(world.role, before)
        assert await world.provider.trust(world.role) == before
        with pytest.raises(Rejected):
            await world.provider.trust(world.user)

    # --- the principal itself -----------------------------------------------------------------------------------------

    async def test_a_user_goes_with_all_that_hangs_on_it(self, world: CloudIdentityWorld) -> None:
        await world.provider.remove_principal(world.user)
        await world.provider.remove_principal(world.user)
        with pytest.raises(TargetNotFound):
            await world.provider.principal(world.user)
        assert (await world.provider.principal(world.other)).ref == world.other

    async def test_a_role_goes(self, world: CloudIdentityWorld) -> None:
        await world.provider.remove_principal(world.role)
        with pytest.raises(TargetNotFound):
            await world.provider.principal(world.role)
