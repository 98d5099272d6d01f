"""The password of a directory account that the vault keeps, over the real provider and the lab; killed at any request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretBytes

from flows.credentials import TenantCredentials
from integrations.lab import Lab, LabServer
from integrations.microsoft365.provider import PROVIDER
from tenantry.errors import NotFound, Rejected
from tenantry.names import SecretRef
from tests.conformance.credentials import CredentialsInPlaceConformance, CredentialsWorld
from tests.support.faults import Zygote
from tests.support.rotation import WHERE, RotationScene, Ticker, killed_and_resumed
from tests.support.rotation import zygote as make_zygote

FIRST = "First-password-1"


class Wire(httpx.AsyncBaseTransport):
    """To the lab, through the ticker."""

    def __init__(self, ticker: Ticker) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._ticker = ticker

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        found: httpx.Response = await self._ticker.through(lambda: self._inner.handle_async_request(request))
        return found

    async def aclose(self) -> None:
        await self._inner.aclose()


class AccountScene(RotationScene):
    provider = "m365/break_glass"
    name = "m365/break-glass"

    def __init__(self, folder: Path, *, synced: bool = False) -> None:
        super().__init__(folder)
        self.lab = Lab("quiet", users=20)
        on_premises = self.lab.tenant.on_premises
        directory = self.lab.tenant.directory
        index = next(n for n in range(20) if (n in on_premises) == synced)
        self.user = directory.peek(index)
        self.lab.passwords[self.user.id] = FIRST
        self.server = LabServer(self.lab).start()
        lab, base = self.lab, self.server.base_url
        self.settings: dict[str, Any] = {
            **{"tenant_id": lab.tenant_id, "client_id": lab.client_id},
            **{"login_url": f"{base}/login", "graph_url": f"{base}/graph", "exchange_url": f"{base}/exchange"},
            "accounts": {"break_glass": self.user.props["userPrincipalName"]},
        }
        self.secret = lab.client_secret
        self.stand.vault.put("acme", self.name, FIRST, kind="password")

    def places(self) -> dict[str, Any]:
        return {"settings": self.settings, "secret": self.secret}

    def placed(self, places: Mapping[str, Any]) -> None:
        self.settings, self.secret = places["settings"], places["secret"]

    async def opened(self, ticker: Ticker) -> tuple[TenantCredentials, Callable[[], Awaitable[None]]]:
        async def secret(name: str) -> SecretBytes:
            return SecretBytes(self.secret.encode())

        handle = await PROVIDER.open(self.settings, secret, transport=Wire(ticker))

        async def services(_: str) -> Any:
            return handle.capability("credentials")

        refs = {
            "m365": {"break_glass": SecretRef("acme", self.name), "client_secret": SecretRef("acme", "m365/secret")}
        }
        return TenantCredentials(self.stand.vault, "acme", services, refs), handle.aclose

    def live(self) -> set[str]:
        return {"password"}

    async def signs_in(self, version: int | None = None) -> bool:
        return (
            self.lab.passwords[self.user.id]
            == self.stand.vault.get("acme", self.name, version).get_secret_value().decode()
        )

    async def works_somehow(self) -> bool:
        try:
            candidate = self.stand.vault.get("acme", "rotations/m365/break_glass").get_secret_value().decode()
        except NotFound:
            candidate = ""
        return await self.signs_in() or self.lab.passwords[self.user.id] == candidate

    def close(self) -> None:
        self.server.stop()
        super().close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[AccountScene]:
    made = AccountScene(tmp_path)
    yield made
    made.close()


class TestPassword(CredentialsInPlaceConformance):
    @pytest.fixture
    async def world(self, scene: AccountScene) -> AsyncIterator[CredentialsWorld]:
        credentials, close = await scene.opened(Ticker())
        yield CredentialsWorld(credentials, scene.live, scene.signs_in, scene.provider)
        await close()


async def test_a_run_replaces_it(scene: AccountScene) -> None:
    await scene.run(mode="plan")
    assert scene.status() == "planned"
    assert scene.lab.audit == []
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-2")
    assert await scene.signs_in()
    assert not await scene.signs_in(1)
    assert scene.stored() == {scene.name: 2}
    assert [entry["method"] for entry in scene.lab.audit] == ["PATCH"]
    assert scene.lab.passwords[scene.user.id] not in repr(scene.lab.audit) + repr(scene.stand.journal.tail("acme"))


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with make_zygote() as made:
        yield made


async def test_killed_anywhere_nobody_is_locked_out(zygote: Zygote, tmp_path: Path) -> None:
    points = {"append_after": 2, "write_before": 2}
    assert await killed_and_resumed(zygote, lambda name: AccountScene(tmp_path / name), points) >= 3


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("where", WHERE)
async def test_killed_everywhere(zygote: Zygote, tmp_path: Path, where: str) -> None:
    assert await killed_and_resumed(zygote, lambda name: AccountScene(tmp_path / name), {where: 10_000}) > 9


async def test_given_up_the_old_one_is_set_again(scene: AccountScene) -> None:
    credentials, close = await scene.opened(Ticker())
    await credentials.make(scene.provider, "label")
    assert not await scene.signs_in()
    await credentials.discard(scene.provider)
    assert await scene.signs_in()
    assert scene.stored() == {scene.name: 1}
    await close()


async def test_an_account_that_is_mastered_on_premises_is_left_to_a_person(tmp_path: Path) -> None:
    scene = AccountScene(tmp_path, synced=True)
    credentials, close = await scene.opened(Ticker())
    with pytest.raises(Rejected) as refused:
        await credentials.make(scene.provider, "label")
    assert "on premises" in refused.value.message
    assert scene.lab.audit == []
    await close()
    scene.close()
