"""The password of a directory account that the vault keeps, over the real provider and the lab; killed at any request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretBytes

from flows.credentials import TenantCredentials
from integrations.lab import Lab
from integrations.microsoft365.provider import PROVIDER
from tenantry.errors import NotFound, Rejected
from tenantry.names import SecretRef
from tests.support.rotation import RotationScene, Ticker, killed_and_resumed

BASE = "http://127.0.0.1"
FIRST = "First-password-1"


class Wire(httpx.AsyncBaseTransport):
    """To the lab in process, through the ticker."""

    def __init__(self, lab: Lab, ticker: Ticker) -> None:
        self._inner = httpx.ASGITransport(lab.app)
        self._ticker = ticker

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        found: httpx.Response = await self._ticker.through(lambda: self._inner.handle_async_request(request))
        return found


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
        self.stand.vault.put("acme", self.name, FIRST, kind="password")

    async def opened(self, ticker: Ticker) -> tuple[TenantCredentials, Callable[[], Awaitable[None]]]:
        async def secret(name: str) -> SecretBytes:
            return SecretBytes(self.lab.client_secret.encode())

        settings = {
            **{"tenant_id": self.lab.tenant_id, "client_id": self.lab.client_id},
            **{"login_url": f"{BASE}/login", "graph_url": f"{BASE}/graph", "exchange_url": f"{BASE}/exchange"},
            "accounts": {"break_glass": self.user.props["userPrincipalName"]},
        }
        handle = await PROVIDER.open(settings, secret, transport=Wire(self.lab, ticker))

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


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[AccountScene]:
    made = AccountScene(tmp_path)
    yield made
    made.close()


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


@pytest.mark.parametrize("where", ["before", "after"])
async def test_killed_at_any_request_nobody_is_locked_out(tmp_path: Path, where: str) -> None:
    await killed_and_resumed(lambda name: AccountScene(tmp_path / name), where, 8)


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
