"""The hub's access key, one for another: beside the old one, proven, switched off before it is deleted; killed at any request."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import pytest
from pydantic import SecretBytes

from flows.credentials import TenantCredentials
from integrations.aws.key_rotation import HubHandle, _Hub
from integrations.aws.provider import PROVIDER
from tenantry.errors import Conflict, InDoubt, InvalidTenant, Rejected, SignInFailed
from tenantry.names import MSP, SecretRef
from tests.support.aws_stand import HUB_KEY, HUB_SECRET, REGIONS, AwsStand
from tests.support.rotation import PATIENT, RotationScene, Ticker, killed_and_resumed


class HubScene(RotationScene):
    """A user of the hub with one key."""

    provider = "aws"
    name = "aws-key"
    policy = PATIENT

    def __init__(self, folder: Path, aws: AwsStand) -> None:
        super().__init__(folder, tenant=MSP)
        self.stand.tenant = MSP
        self.aws = aws
        aws.strict = True
        self.user = f"tenantry-{uuid.uuid4().hex}"
        self.iam = self._client("iam", HUB_KEY, HUB_SECRET)
        self.iam.create_user(UserName=self.user)
        made = self.iam.create_access_key(UserName=self.user)["AccessKey"]
        self.first = str(made["AccessKeyId"])
        self.stand.vault.put(MSP, self.name, f"{self.first}:{made['SecretAccessKey']}", kind="aws_access_key")

    def _client(self, service: str, key: str, secret: str) -> Any:
        return boto3.client(
            service,
            region_name=REGIONS[0],
            endpoint_url=self.aws.base_url,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
        )

    async def opened(self, ticker: Ticker) -> tuple[TenantCredentials, Callable[[], Awaitable[None]]]:
        async def secret(name: str) -> SecretBytes:
            if name != "key":
                raise InvalidTenant(f"no {name}")
            return self.stand.vault.get(MSP, self.name)

        handle: HubHandle = await PROVIDER.open_estate({"endpoint_url": self.aws.base_url}, secret)
        plain = _Hub.call

        async def counted(hub: _Hub, *given: Any, **more: Any) -> Any:
            return await ticker.through(lambda: plain(hub, *given, **more))

        _Hub.call = counted  # type: ignore[method-assign]

        async def services(_: str) -> Any:
            return handle.capability("credentials")

        async def close() -> None:
            _Hub.call = plain  # type: ignore[method-assign]
            await handle.aclose()

        return TenantCredentials(self.stand.vault, MSP, services, {"aws": {"key": SecretRef(MSP, self.name)}}), close

    def live(self) -> set[str]:
        return {row["AccessKeyId"] for row in self.iam.list_access_keys(UserName=self.user)["AccessKeyMetadata"]}

    async def signs_in(self, version: int | None = None) -> bool:
        id, _, secret = self.stand.vault.get(MSP, self.name, version).get_secret_value().decode().partition(":")
        try:
            self._client("sts", id, secret).get_caller_identity()
        except botocore.exceptions.ClientError:
            return False
        return True

    def stored(self) -> dict[str, int]:
        ours = (self.name, "rotations/")
        return {name: version for name, version in super().stored().items() if name.startswith(ours)}


@pytest.fixture
def scene(aws: AwsStand, tmp_path: Path) -> Iterator[HubScene]:
    made = HubScene(tmp_path, aws)
    yield made
    made.close()
    aws.strict = False


async def test_a_run_replaces_it(scene: HubScene) -> None:
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-1")
    assert scene.outcomes() == {
        **{"make": "changed", "prove": "observed", "use": "changed", "remove_old": "changed", "forget": "changed"}
    }
    (now,) = scene.live()
    assert now != scene.first
    assert await scene.signs_in()
    assert not await scene.signs_in(1)
    assert scene.stored() == {"aws-key": 2}
    order = [call.operation for call in scene.aws.calls if call.operation.endswith("AccessKey")]
    assert order[-3:] == ["CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"]
    await scene.run()
    assert scene.status() == "completed"
    assert len(scene.live()) == 1


async def test_a_plan_changes_nothing(scene: HubScene) -> None:
    await scene.run(mode="plan")
    assert scene.status() == "planned"
    assert scene.live() == {scene.first}
    assert scene.stored() == {"aws-key": 1}


@pytest.mark.parametrize("where", ["before", "after"])
async def test_killed_at_any_request_nobody_is_locked_out(aws: AwsStand, tmp_path: Path, where: str) -> None:
    await killed_and_resumed(lambda name: HubScene(tmp_path / name, aws), where, 4)
    aws.strict = False


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("where", ["before", "after"])
async def test_killed_at_every_request(aws: AwsStand, tmp_path: Path, where: str) -> None:
    await killed_and_resumed(lambda name: HubScene(tmp_path / name, aws), where, 200)
    aws.strict = False


async def test_one_whose_answer_never_came_is_removed_by_the_next(scene: HubScene) -> None:
    scene.aws.fault("iam", "CreateAccessKey", None, after=True)
    credentials, close = await scene.opened(Ticker())
    with pytest.raises(InDoubt):
        await credentials.make("aws", "label")
    assert len(scene.live()) == 2
    (lost,) = scene.live() - {scene.first}
    assert (await credentials.state("aws")).leftovers == (lost,)
    await close()
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-1")
    assert len(scene.live()) == 1
    assert lost not in scene.live()


async def test_somebody_elses_key_is_not_touched_and_said(scene: HubScene) -> None:
    scene.iam.create_access_key(UserName=scene.user)
    before = scene.live()
    credentials, close = await scene.opened(Ticker())
    assert (await credentials.state("aws")).superseded == ()
    with pytest.raises(Rejected) as refused:
        await credentials.make("aws", "label")
    assert "no third" in refused.value.message
    assert scene.live() == before
    await close()


async def test_the_key_that_signs_in_is_never_removed(scene: HubScene) -> None:
    credentials, close = await scene.opened(Ticker())
    for act in (credentials.remove, credentials.suspend):
        with pytest.raises(Conflict):
            await act("aws", scene.first)
    await close()
    assert await scene.signs_in()


async def test_what_is_no_key_is_said_without_being_repeated(scene: HubScene) -> None:
    scene.stand.vault.put(MSP, scene.name, "not-a-key-canary")
    credentials, close = await scene.opened(Ticker())
    with pytest.raises(SignInFailed) as refused:
        await credentials.state("aws")
    assert "canary" not in f"{refused.value} {refused.value.remedy} {refused.value.detail}"
    await close()


async def test_a_client_is_reached_with_both_halves_in_one(aws: AwsStand) -> None:
    account = aws.new_account()
    account.secrets = {"key": f"{HUB_KEY}:{HUB_SECRET}"}
    handle = await account.open()
    assert (await handle.capability("cloud_identity").caller()).account == account.id
    await handle.aclose()
