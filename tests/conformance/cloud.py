"""What every provider of ``cloud`` must do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tenantry.capabilities import Cloud
from tenantry.capabilities.cloud import EVERYTHING_BLOCKED
from tenantry.errors import ProviderError, TargetNotFound


@dataclass
class CloudWorld:
    """An account with two running instances in two regions."""

    provider: Cloud
    instance: str
    region: str
    elsewhere: str
    """An instance in another region."""
    bucket: str
    """Without a policy, nothing blocked."""
    key: str
    """A customer's encryption key, enabled."""
    vault: str
    """A backup vault without a policy."""
    doomed_key: str
    """One whose deletion is scheduled."""


class CloudConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: CloudWorld) -> None:
        assert isinstance(world.provider, Cloud)

    async def test_instances_of_every_region(self, world: CloudWorld) -> None:
        found = {instance.id: instance async for instance in world.provider.instances()}
        assert {world.instance, world.elsewhere} <= set(found)
        assert found[world.instance].region == world.region != found[world.elsewhere].region
        assert found[world.instance].interfaces[0].groups
        assert found[world.instance].volumes
        assert found[world.instance].launched_at.tzinfo is not None

    async def test_one_instance(self, world: CloudWorld) -> None:
        found = await world.provider.instance(world.elsewhere)
        assert (found.id, found.state) == (world.elsewhere, "running")
        with pytest.raises(TargetNotFound):
            await world.provider.instance("i-00000000000000000")

    async def test_the_isolation_group_lets_nothing_in_and_nothing_out(self, world: CloudWorld) -> None:
        instance = await world.provider.instance(world.instance)
        network = instance.interfaces[0].network
        assert await world.provider.isolation_group(world.region, network) is None
        made = await world.provider.create_isolation_group(world.region, network)
        assert made.closed, "the rule for outgoing traffic that every new group has is revoked"
        again = await world.provider.create_isolation_group(world.region, network)
        assert again.id == made.id
        assert await world.provider.isolation_group(world.region, network) == again
        assert (await world.provider.security_group(made.id)).closed

    async def test_an_instance_is_isolated_and_released(self, world: CloudWorld) -> None:
        before = (await world.provider.instance(world.instance)).interfaces[0]
        group = await world.provider.create_isolation_group(world.region, before.network)
        await world.provider.set_groups(before.id, [group.id])
        assert (await world.provider.instance(world.instance)).interfaces[0].groups == (group.id,)
        assert await world.provider.tracked(world.instance), "a group without the rule that allows everything tracks"
        await world.provider.set_groups(before.id, before.groups)
        assert (await world.provider.instance(world.instance)).interfaces[0].groups == before.groups
        with pytest.raises(TargetNotFound):
            await world.provider.set_groups("eni-00000000000000000", [group.id])

    async def test_a_snapshot_is_made_once_for_one_token(self, world: CloudWorld) -> None:
        (volume, *_) = (await world.provider.instance(world.instance)).volumes
        assert await world.provider.snapshot_of(volume, "run-1/snap") is None
        made = await world.provider.create_snapshot(volume, token="run-1/snap", description="evidence")
        again = await world.provider.create_snapshot(volume, token="run-1/snap", description="evidence")
        assert again.id == made.id
        assert (await world.provider.snapshot_of(volume, "run-1/snap")).id == made.id  # type: ignore[union-attr]  # just made
        other = await world.provider.create_snapshot(volume, token="run-2/snap", description="evidence")
        listed = [snapshot.id async for snapshot in world.provider.snapshots(volume)]
        assert sorted(listed) == sorted([made.id, other.id])
        await world.provider.delete_snapshot(other.id)
        await world.provider.delete_snapshot(other.id)
        with pytest.raises(TargetNotFound):
            await world.provider.snapshot(other.id)
        with pytest.raises(TargetNotFound):
            await world.provider.create_snapshot("vol-00000000000000000", token="x", description="")

    async def test_a_locked_snapshot_stays(self, world: CloudWorld) -> None:
        (volume, *_) = (await world.provider.instance(world.instance)).volumes
        made = await world.provider.create_snapshot(volume, token="run-1/lock", description="evidence")
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
        await world.provider.lock_snapshot(made.id, until)
        assert (await world.provider.snapshot(made.id)).locked_until == until
        await world.provider.lock_snapshot(made.id, until - timedelta(days=3))  # never shortened
        assert (await world.provider.snapshot(made.id)).locked_until == until
        with pytest.raises(ProviderError):
            await world.provider.delete_snapshot(made.id)
        assert (await world.provider.snapshot(made.id)).id == made.id

    async def test_a_snapshot_is_shared_with_some_and_no_longer(self, world: CloudWorld) -> None:
        (volume, *_) = (await world.provider.instance(world.instance)).volumes
        made = (await world.provider.create_snapshot(volume, token="run-1/share", description="evidence")).id
        assert await world.provider.snapshot_shares(made) == ()
        for account in ("222222222222", "111111111111", "all"):
            for _ in range(2):
                await world.provider.set_snapshot_share(made, account, True)
        assert await world.provider.snapshot_shares(made) == ("111111111111", "222222222222", "all")
        for account in ("222222222222", "all"):
            for _ in range(2):
                await world.provider.set_snapshot_share(made, account, False)
        assert await world.provider.snapshot_shares(made) == ("111111111111",), "the others' is not touched"
        with pytest.raises(TargetNotFound):
            await world.provider.snapshot_shares("snap-00000000000000000")

    @pytest.mark.parametrize("whole_account", [True, False])
    async def test_public_access_is_blocked_and_opened(self, world: CloudWorld, whole_account: bool) -> None:
        where = None if whole_account else world.bucket
        before = await world.provider.public_access(where)
        assert not before.blocked
        await world.provider.set_public_access(where, EVERYTHING_BLOCKED)
        assert (await world.provider.public_access(where)).blocked
        await world.provider.set_public_access(where, before)
        assert await world.provider.public_access(where) == before

    async def test_a_bucket_policy_is_set_and_removed(self, world: CloudWorld) -> None:
        assert await world.provider.bucket_policy(world.bucket) is None
        document = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "Keep",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:DeleteObjectVersion",
                    "Resource": f"arn:aws:s3:::{world.bucket}/*",
                }
            ],
        }
        await world.provider.set_bucket_policy(world.bucket, document)
        assert await world.provider.bucket_policy(world.bucket) == document
        await world.provider.set_bucket_policy(world.bucket, None)
        assert await world.provider.bucket_policy(world.bucket) is None
        with pytest.raises(TargetNotFound):
            await world.provider.bucket_policy("no-such-bucket-anywhere")

    async def test_a_backup_vaults_policy_is_set_and_removed(self, world: CloudWorld) -> None:
        assert world.vault in {vault.id async for vault in world.provider.backup_vaults()}
        assert await world.provider.vault_policy(world.vault) is None
        deny = {
            "Sid": "Keep",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "backup:DeleteRecoveryPoint",
            "Resource": "*",
        }
        document = {"Version": "2012-10-17", "Statement": [deny]}
        await world.provider.set_vault_policy(world.vault, document)
        assert await world.provider.vault_policy(world.vault) == document
        await world.provider.set_vault_policy(world.vault, None)
        assert await world.provider.vault_policy(world.vault) is None
        with pytest.raises(TargetNotFound):
            await world.provider.vault_policy(f"{world.vault}-elsewhere")

    async def test_a_key_is_disabled_and_enabled(self, world: CloudWorld) -> None:
        listed = {key.id: key async for key in world.provider.encryption_keys()}
        assert listed[world.key].state == "enabled"
        assert listed[world.doomed_key].state == "pending_deletion"
        await world.provider.set_encryption_key_enabled(world.key, False)
        assert (await world.provider.encryption_key(world.key)).state == "disabled"
        await world.provider.set_encryption_key_enabled(world.key, True)
        assert (await world.provider.encryption_key(world.key)).state == "enabled"

    async def test_the_deletion_of_a_key_is_called_off(self, world: CloudWorld) -> None:
        assert (await world.provider.encryption_key(world.doomed_key)).deletion_at is not None
        await world.provider.keep_encryption_key(world.doomed_key)
        await world.provider.keep_encryption_key(world.doomed_key)
        found = await world.provider.encryption_key(world.doomed_key)
        assert (found.state, found.deletion_at) == ("disabled", None)
        with pytest.raises(TargetNotFound):
            await world.provider.encryption_key("00000000-0000-0000-0000-000000000000")
