"""The application's own secret or certificate, one for another: over the real provider, the vault and the lab; killed at every call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretBytes

from flows.credentials import TenantCredentials
from integrations.lab import Lab, LabServer
from integrations.microsoft365.credentials import new_certificate
from integrations.microsoft365.provider import PROVIDER, Microsoft365Handle
from tenantry.capabilities.credentials import LABEL, CredentialService
from tenantry.errors import Conflict, TargetNotFound
from tenantry.names import SecretRef
from tenantry.secretstore import CANDIDATES
from tests.conformance.credentials import CredentialsConformance, CredentialsWorld
from tests.support.faults import Zygote
from tests.support.rotation import BUSY, WHERE, RotationScene, Ticker, killed_and_resumed
from tests.support.rotation import zygote as make_zygote
from tests.support.stand import Access


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


class Scene(RotationScene):
    """A tenant whose application is registered in it, and a vault with its credential."""

    kind = "client_secret"
    policy = BUSY

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.name = f"m365/{self.kind}"
        self.lab = Lab("quiet", users=20)
        pem = new_certificate("first") if self.kind == "certificate" else None
        self.lab.register_here(pem.get_secret_value() if pem else None)
        self.server = LabServer(self.lab).start()
        lab, base = self.lab, self.server.base_url
        self.settings: dict[str, Any] = {
            **{"tenant_id": lab.tenant_id, "client_id": lab.client_id, "credential": self.kind},
            **{"login_url": f"{base}/login", "graph_url": f"{base}/graph", "exchange_url": f"{base}/exchange"},
        }
        first = pem.get_secret_value() if pem else lab.client_secret.encode()
        self.stand.vault.put("acme", self.name, first, kind=self.kind)

    def places(self) -> dict[str, Any]:
        return {"settings": self.settings}

    def placed(self, places: Mapping[str, Any]) -> None:
        self.name, self.settings = f"m365/{self.kind}", places["settings"]

    async def access(self, ticker: Ticker | None = None) -> tuple[Access, Microsoft365Handle]:
        async def secret(name: str) -> SecretBytes:
            return self.stand.vault.get("acme", f"m365/{name}")

        handle = await PROVIDER.open(self.settings, secret, transport=Wire(ticker or Ticker()))

        async def service(_provider: str) -> Any:
            return handle.capability("credentials")

        refs = {"m365": {self.kind: SecretRef("acme", self.name)}}
        credentials = TenantCredentials(self.stand.vault, "acme", service, refs)
        return Access(capabilities={"credentials": credentials}), handle

    async def opened(self, ticker: Ticker) -> tuple[TenantCredentials, Callable[[], Awaitable[None]]]:
        access, handle = await self.access(ticker)
        return access.capabilities["credentials"], handle.aclose

    async def signs_in(self, version: int | None = None) -> bool:
        _, handle = await self.access()
        value = self.stand.vault.get("acme", self.name, version)
        works: bool = await handle.capability("credentials")[self.kind].works(value)
        await handle.aclose()
        return works

    def entries(self) -> list[dict[str, Any]]:
        """As the registration lists them."""
        assert self.lab.own_registration is not None
        name = "keyCredentials" if self.kind == "certificate" else "passwordCredentials"
        return list(self.lab.own_registration.props[name])

    def live(self) -> set[str]:
        return {str(one["keyId"]) for one in self.entries()}

    def close(self) -> None:
        self.server.stop()
        super().close()


class CertificateScene(Scene):
    kind = "certificate"


@pytest.fixture(params=[Scene, CertificateScene])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    made: Scene = request.param(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with make_zygote() as made:
        yield made


class TestMicrosoft365(CredentialsConformance):
    @pytest.fixture
    async def world(self, scene: Scene) -> AsyncIterator[CredentialsWorld]:
        access, handle = await scene.access()
        provider = access.capabilities["credentials"]
        yield CredentialsWorld(provider, scene.live, scene.signs_in)
        await handle.aclose()


async def test_a_run_replaces_it(scene: Scene) -> None:
    (before,) = scene.entries()
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-1")
    assert scene.outcomes() == {
        **{"make": "changed", "prove": "observed", "use": "changed", "remove_old": "changed", "forget": "changed"}
    }
    (now,) = scene.entries()
    assert now["keyId"] != before["keyId"]
    assert now["displayName"].startswith(LABEL)
    assert await scene.signs_in()
    assert not await scene.signs_in(1)
    assert scene.stored() == {f"m365/{scene.kind}": 2}
    newest = scene.stand.vault.versions("acme", f"m365/{scene.kind}")[0]
    assert newest.metadata["credential_id"] == now["keyId"]
    assert newest.expires_at is not None
    assert newest.rotate_at is not None
    assert newest.rotate_at < newest.expires_at
    await scene.run()  # and again, from what the first left
    assert scene.status() == "completed"
    assert len(scene.live()) == 1
    assert await scene.signs_in()


async def test_a_plan_changes_nothing_and_lists_everything(scene: Scene) -> None:
    before = scene.entries()
    await scene.run(mode="plan")
    assert scene.status() == "planned", scene.stand.view("run-1")
    changed = {step["id"] for step in scene.stand.view("run-1")["steps"] if step["outcome"] == "would_change"}
    assert changed == {"make", "use", "remove_old", "forget"}
    assert scene.entries() == before
    assert scene.lab.audit == []
    assert scene.stored() == {f"m365/{scene.kind}": 1}


async def test_others_credentials_are_not_touched(scene: Scene) -> None:
    if scene.kind != "client_secret":
        return
    assert scene.lab.own_registration is not None
    theirs = dict(scene.entries()[0], keyId="11111111-0000-0000-0000-000000000000", hint="zzz", displayName="reports")
    scene.lab.own_registration.props["passwordCredentials"].append(theirs)
    scene.lab.tokens.secrets[theirs["keyId"]] = "zzz-of-somebody-else"
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-1")
    assert theirs["keyId"] in scene.live()
    assert len(scene.live()) == 2


async def test_killed_anywhere_one_that_works_is_left_and_the_resumed_run_ends_with_one(
    zygote: Zygote, tmp_path: Path
) -> None:
    """The client secret's slice is that of `tests/faults/test_kills_rotation.py`."""
    points = {"append_after": 2, "write_during": 3}
    assert await killed_and_resumed(zygote, lambda name: CertificateScene(tmp_path / name), points) >= 3


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("kind", [Scene, CertificateScene])
async def test_killed_everywhere(zygote: Zygote, tmp_path: Path, kind: type[Scene], where: str) -> None:
    assert await killed_and_resumed(zygote, lambda name: kind(tmp_path / name), {where: 10_000}) > 9


class Killed(BaseException):
    """As SIGKILL: nothing in between can handle it."""


async def test_killed_after_the_secret_was_made_and_another_run_takes_over(scene: Scene) -> None:
    """The first run is given up: what it made and nobody knows is removed by the next."""
    access, handle = await scene.access()
    credentials = access.capabilities["credentials"]
    put = scene.stand.vault.put

    def killed(*args: Any, **kwargs: Any) -> Any:
        if str(args[1]).startswith(CANDIDATES) and scene.kind == "client_secret":
            raise Killed
        return put(*args, **kwargs)

    scene.stand.vault.put = killed  # type: ignore[method-assign]
    try:
        await credentials.make("m365", f"{LABEL} run-0")
    except Killed:
        assert scene.kind == "client_secret"
    finally:
        scene.stand.vault.put = put  # type: ignore[method-assign]
        await handle.aclose()
    assert len(scene.live()) == 2
    await scene.run()
    assert scene.status() == "completed"
    assert len(scene.live()) == 1
    assert await scene.signs_in()


async def test_the_old_one_stays_where_the_new_one_does_not_sign_in(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tasks.credentials.prove_credential as module

    monkeypatch.setattr(module, "_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(TenantCredentials, "candidate_works", _never)
    await scene.run()
    assert scene.status() == "paused_by_failed_step"
    assert await scene.signs_in()
    assert scene.stored()[f"m365/{scene.kind}"] == 1


async def _never(*_: object) -> bool:
    return False


async def test_undone_before_it_was_used_only_the_old_one_is_left(scene: Scene) -> None:
    access, handle = await scene.access()
    credentials = access.capabilities["credentials"]
    await credentials.make("m365", f"{LABEL} run-0")
    assert len(scene.live()) == 2
    with pytest.raises(Conflict):
        await credentials.promote("m365", 7)
    await credentials.discard("m365")
    await credentials.discard("m365")
    assert len(scene.live()) == 1
    assert await scene.signs_in()
    assert scene.stored() == {f"m365/{scene.kind}": 1}
    await handle.aclose()


async def test_registered_elsewhere_is_said(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.lab.reset()
    access, handle = await scene.access()
    with pytest.raises(TargetNotFound) as error:
        await access.capabilities["credentials"].state("m365")
    assert "registered it" in error.value.remedy
    assert isinstance(handle.capability("credentials")["client_secret"], CredentialService)
    await handle.aclose()
    scene.close()


async def test_no_value_is_in_the_record(scene: Scene) -> None:
    await scene.run()
    values = [scene.stand.vault.get("acme", f"m365/{scene.kind}", version).get_secret_value() for version in (1, 2)]
    said = repr(scene.stand.view("run-1")) + repr(scene.stand.journal.tail("acme")) + repr(scene.lab.audit)
    for value in values:
        assert value.decode() not in said
        for path in scene.stand.home.path.rglob("*"):
            if path.is_file() and path.name != "master.key":
                assert value not in path.read_bytes(), path
