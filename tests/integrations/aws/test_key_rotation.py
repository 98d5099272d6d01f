"""The hub's access key, one for another: beside the old one, proven, switched off before it is deleted; killed at any request."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import boto3
import botocore.exceptions
import pyotp
import pytest
from pydantic import SecretBytes

from flows.credentials import TenantCredentials
from integrations.aws.hub import Hub, HubHandle
from integrations.aws.second_factor import STEP, next_code
from integrations.aws.settings import HubSettings
from tenantry.errors import Conflict, InDoubt, InvalidTenant, Rejected, SignInFailed
from tenantry.names import MSP, SecretRef
from tests.conformance.credentials import CredentialsConformance, CredentialsWorld
from tests.support.aws_stand import HUB_KEY, HUB_SECRET, REGIONS, AwsStand
from tests.support.faults import Zygote
from tests.support.rotation import PATIENT, WHERE, RotationScene, Ticker, killed_and_resumed
from tests.support.rotation import zygote as make_zygote


class HubScene(RotationScene):
    """A user of the hub with one key."""

    provider = "aws/key"
    name = "aws-key"
    policy = PATIENT
    secrets: ClassVar[dict[str, str]] = {"key": "aws-key"}

    def __init__(self, folder: Path, aws: AwsStand) -> None:
        super().__init__(folder, tenant=MSP)
        self.aws: Any = aws
        aws.strict = True
        self.now = time.time()
        aws.clock = lambda: self.now
        self.user = f"tenantry-{uuid.uuid4().hex}"
        self.iam = self._client("iam", HUB_KEY, HUB_SECRET)
        self.iam.create_user(UserName=self.user)
        made = self.iam.create_access_key(UserName=self.user)["AccessKey"]
        self.first = str(made["AccessKeyId"])
        self.stand.vault.put(MSP, "aws-key", f"{self.first}:{made['SecretAccessKey']}", kind="aws_access_key")

    @property
    def now(self) -> float:
        """The clock of everybody in the scene, whatever process they are in."""
        return float((self.folder / "clock").read_text())

    @now.setter
    def now(self, at: float) -> None:
        (self.folder / "clock.new").write_text(repr(at))
        (self.folder / "clock.new").rename(self.folder / "clock")

    def hidden(self, value: str) -> dict[str, str]:
        """Not the id or the serial number, which stands before it."""
        return {"value": re.split("[: ]", value)[-1]}

    def places(self) -> dict[str, Any]:
        return {"base_url": self.aws.base_url}

    def placed(self, places: Mapping[str, Any]) -> None:
        self.aws = SimpleNamespace(**places)

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
            if name not in self.secrets:
                raise InvalidTenant(f"no {name}")
            return self.stand.vault.get(MSP, self.secrets[name])

        settings = HubSettings.model_validate({"endpoint_url": self.aws.base_url})
        handle = HubHandle(settings, secret, self.code, lambda: self.now)
        plain = Hub.call

        async def counted(hub: Hub, *given: Any, **more: Any) -> Any:
            return await ticker.through(lambda: plain(hub, *given, **more))

        Hub.call = counted  # type: ignore[method-assign]

        async def services(_: str) -> Any:
            return handle.capability("credentials")

        async def close() -> None:
            Hub.call = plain  # type: ignore[method-assign]
            await handle.aclose()

        refs = {"aws": {secret: SecretRef(MSP, name) for secret, name in self.secrets.items()}}
        return TenantCredentials(self.stand.vault, MSP, services, refs), close

    async def code(self, serial: str, seed: str) -> str:
        """As in life, with a clock that goes on when somebody waits."""
        return await next_code(serial, seed, lambda: self.now, self._wait)

    async def _wait(self, seconds: float) -> None:
        self.now += seconds

    def live(self) -> set[str]:
        return {row["AccessKeyId"] for row in self.iam.list_access_keys(UserName=self.user)["AccessKeyMetadata"]}

    def ids(self) -> set[str]:
        """By which the capability names them: of a device its name, which ends its number."""
        return {one.rsplit("/", 1)[-1] for one in self.live()}

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


class SeedScene(HubScene):
    """A user with a key and a second factor."""

    provider = "aws/mfa_seed"
    name = "aws-mfa"
    secrets: ClassVar[dict[str, str]] = {"key": "aws-key", "mfa_seed": "aws-mfa"}

    def __init__(self, folder: Path, aws: AwsStand) -> None:
        super().__init__(folder, aws)
        made = self.iam.create_virtual_mfa_device(VirtualMFADeviceName=f"first-{uuid.uuid4().hex[:8]}")[
            "VirtualMFADevice"
        ]
        self.first = str(made["SerialNumber"])
        seed = made["Base32StringSeed"].decode()
        codes = {f"AuthenticationCode{n}": pyotp.TOTP(seed).at(int(self.now) - 60 + 30 * n) for n in (1, 2)}
        self.iam.enable_mfa_device(UserName=self.user, SerialNumber=self.first, **codes)
        self.stand.vault.put(MSP, self.name, f"{self.first} {seed}", kind="totp_seed")

    def live(self) -> set[str]:
        return {row["SerialNumber"] for row in self.iam.list_mfa_devices(UserName=self.user)["MFADevices"]}

    async def signs_in(self, version: int | None = None) -> bool:
        serial, seed = self.stand.vault.get(MSP, self.name, version).get_secret_value().decode().split()
        id, _, secret = self.stand.vault.get(MSP, "aws-key").get_secret_value().decode().partition(":")
        self.now += STEP  # another process may have used the present one
        code = await self.code(serial, seed)
        try:
            self._client("sts", id, secret).get_session_token(SerialNumber=serial, TokenCode=code)
        except botocore.exceptions.ClientError:
            return False
        return True


@pytest.fixture
def scene(aws: AwsStand, tmp_path: Path) -> Iterator[HubScene]:
    made = HubScene(tmp_path, aws)
    yield made
    made.close()
    aws.strict = False


class TestHub(CredentialsConformance):
    """The access key, and the second factor: what the MSP's own user has at AWS."""

    @pytest.fixture(params=[HubScene, SeedScene])
    async def world(
        self, request: pytest.FixtureRequest, aws: AwsStand, tmp_path: Path
    ) -> AsyncIterator[CredentialsWorld]:
        scene: HubScene = request.param(tmp_path, aws)
        credentials, close = await scene.opened(Ticker())
        yield CredentialsWorld(credentials, scene.ids, scene.signs_in, scene.provider)
        await close()
        scene.close()
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


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with make_zygote() as made:
        yield made


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        (HubScene, {"append_after": 2, "write_before": 2, "write_after": 3}),
        (SeedScene, {"append_before": 2, "write_during": 2}),
    ],
)
async def test_killed_anywhere_nobody_is_locked_out(
    zygote: Zygote, aws: AwsStand, tmp_path: Path, kind: type[HubScene], points: dict[str, int]
) -> None:
    assert await killed_and_resumed(zygote, lambda name: kind(tmp_path / name, aws), points) >= 3
    aws.strict = False


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("kind", [HubScene, SeedScene])
async def test_killed_everywhere(
    zygote: Zygote, aws: AwsStand, tmp_path: Path, kind: type[HubScene], where: str
) -> None:
    assert await killed_and_resumed(zygote, lambda name: kind(tmp_path / name, aws), {where: 10_000}) > 9
    aws.strict = False


async def test_one_whose_answer_never_came_is_removed_by_the_next(scene: HubScene) -> None:
    scene.aws.fault("iam", "CreateAccessKey", None, after=True)
    credentials, close = await scene.opened(Ticker())
    with pytest.raises(InDoubt):
        await credentials.make("aws/key", "label")
    assert len(scene.live()) == 2
    (lost,) = scene.live() - {scene.first}
    assert (await credentials.state("aws/key")).leftovers == (lost,)
    await close()
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-1")
    assert len(scene.live()) == 1
    assert lost not in scene.live()


async def test_somebody_elses_key_is_not_touched_and_said(scene: HubScene) -> None:
    scene.iam.create_access_key(UserName=scene.user)
    before = scene.live()
    credentials, close = await scene.opened(Ticker())
    assert (await credentials.state("aws/key")).superseded == ()
    with pytest.raises(Rejected) as refused:
        await credentials.make("aws/key", "label")
    assert "no third" in refused.value.message
    assert scene.live() == before
    await close()


async def test_the_second_factor_is_replaced(aws: AwsStand, tmp_path: Path) -> None:
    scene = SeedScene(tmp_path, aws)
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-1")
    assert len(scene.live()) == 1
    assert scene.first not in scene.live()
    assert await scene.signs_in()
    scene.close()
    aws.strict = False


async def test_the_key_is_replaced_with_a_second_factor_too(aws: AwsStand, tmp_path: Path) -> None:
    """Each code counts once: whoever needs another waits for it."""

    scene = SeedScene(tmp_path, aws)
    scene.provider, scene.name = "aws/key", "aws-key"
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-1")
    (now,) = HubScene.live(scene)
    assert scene.stand.vault.get(MSP, "aws-key").get_secret_value().decode().startswith(now)
    scene.close()
    aws.strict = False


async def test_the_key_that_signs_in_is_never_removed(scene: HubScene) -> None:
    credentials, close = await scene.opened(Ticker())
    for act in (credentials.remove, credentials.suspend):
        with pytest.raises(Conflict):
            await act("aws/key", scene.first)
    await close()
    assert await scene.signs_in()


async def test_what_is_no_key_is_said_without_being_repeated(scene: HubScene) -> None:
    scene.stand.vault.put(MSP, scene.name, "not-a-key-canary")
    credentials, close = await scene.opened(Ticker())
    with pytest.raises(SignInFailed) as refused:
        await credentials.state("aws/key")
    assert "canary" not in f"{refused.value} {refused.value.remedy} {refused.value.detail}"
    await close()


async def test_a_client_is_reached_with_both_halves_in_one(aws: AwsStand) -> None:
    account = aws.new_account()
    account.secrets = {"key": f"{HUB_KEY}:{HUB_SECRET}"}
    handle = await account.open()
    assert (await handle.capability("cloud_identity").caller()).account == account.id
    await handle.aclose()
