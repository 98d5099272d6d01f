"""The application's own secret or certificate, one for another: over the real provider, the vault and the lab; killed at every call."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretBytes

from flows.credentials import TenantCredentials
from integrations.lab import Lab
from integrations.microsoft365.credentials import new_certificate
from integrations.microsoft365.provider import PROVIDER, Microsoft365Handle
from tenantry.capabilities.credentials import LABEL, CredentialService
from tenantry.discovery import TaskRegistry
from tenantry.errors import Conflict, TargetNotFound
from tenantry.names import SecretRef
from tenantry.secretstore import CANDIDATES
from tests.conformance.credentials import CredentialsConformance, CredentialsWorld
from tests.support.stand import Access, Stand

BASE = "http://127.0.0.1"
TEXT = (Path(__file__).resolve().parents[3] / "runbooks" / "maintenance" / "credential_rotation.yaml").read_text()


class Killed(BaseException):
    """As SIGKILL: nothing in between can handle it."""


class Wire(httpx.AsyncBaseTransport):
    """To the lab in process; ends the process before or after the n-th request, or loses its answer."""

    def __init__(self, lab: Lab) -> None:
        self._inner = httpx.ASGITransport(lab.app)
        self.count = 0
        self.kill: tuple[str, int] = ("", 0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        here = self.count == self.kill[1]
        if here and self.kill[0] == "before":
            raise Killed
        answer = await self._inner.handle_async_request(request)
        if here and self.kill[0] == "after":
            await answer.aread()
            raise Killed
        return answer


class Scene:
    """A tenant whose application is registered in it, and a vault with its credential."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self.stand = Stand(folder, TaskRegistry.discover(entry_points=False))
        self.lab = Lab("quiet", users=20)
        pem = new_certificate("first") if kind == "certificate" else None
        self.lab.register_here(pem.get_secret_value() if pem else None)
        first = pem.get_secret_value() if pem else self.lab.client_secret.encode()
        self.stand.vault.put("acme", f"m365/{kind}", first, kind=kind)
        self.runs = 0

    async def access(self, wire: Wire) -> tuple[Access, Microsoft365Handle]:
        async def secret(name: str) -> SecretBytes:
            return self.stand.vault.get("acme", f"m365/{name}")

        settings = {
            **{"tenant_id": self.lab.tenant_id, "client_id": self.lab.client_id, "credential": self.kind},
            **{"login_url": f"{BASE}/login", "graph_url": f"{BASE}/graph", "exchange_url": f"{BASE}/exchange"},
        }
        handle = await PROVIDER.open(settings, secret, transport=wire)

        async def service(_provider: str) -> Any:
            return handle.capability("credentials")

        refs = {"m365": {self.kind: SecretRef("acme", f"m365/{self.kind}")}}
        credentials = TenantCredentials(self.stand.vault, "acme", service, refs)
        return Access(capabilities={"credentials": credentials}), handle

    async def run(self, kill: tuple[str, int] = ("", 0), *, mode: str = "run", run_id: str | None = None) -> int:
        """One attempt; how many requests it sent."""
        if run_id is None:
            self.runs += 1
            run_id = self.stand.create(TEXT, {"provider": "m365"}, run_id=f"run-{self.runs}", mode=mode)
        wire = Wire(self.lab)
        wire.kill = kill
        access, handle = await self.access(wire)
        try:
            await self.stand.run(run_id, access)
        finally:
            await handle.aclose()
        return wire.count

    def outcomes(self) -> dict[str, Any]:
        return self.stand.outcomes(f"run-{self.runs}")

    def status(self) -> str:
        return str(self.stand.view(f"run-{self.runs}")["status"])

    async def signs_in(self, version: int | None = None) -> bool:
        wire = Wire(self.lab)
        _, handle = await self.access(wire)
        value = self.stand.vault.get("acme", f"m365/{self.kind}", version)
        works: bool = await handle.capability("credentials")[self.kind].works(value)
        await handle.aclose()
        return works

    def live(self) -> list[dict[str, Any]]:
        assert self.lab.own_registration is not None
        name = "keyCredentials" if self.kind == "certificate" else "passwordCredentials"
        return list(self.lab.own_registration.props[name])

    def stored(self) -> dict[str, int]:
        return {found.name: found.version for found in self.stand.vault.list("acme")}


@pytest.fixture(params=["client_secret", "certificate"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path, request.param)
    yield made
    made.stand.close()


class TestMicrosoft365(CredentialsConformance):
    @pytest.fixture
    async def world(self, scene: Scene) -> AsyncIterator[CredentialsWorld]:
        access, handle = await scene.access(Wire(scene.lab))
        provider = access.capabilities["credentials"]
        yield CredentialsWorld(provider, lambda: {str(one["keyId"]) for one in scene.live()}, scene.signs_in)
        await handle.aclose()


async def test_a_run_replaces_it(scene: Scene) -> None:
    (before,) = scene.live()
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-1")
    assert scene.outcomes() == {
        **{"make": "changed", "prove": "observed", "use": "changed", "remove_old": "changed", "forget": "changed"}
    }
    (now,) = scene.live()
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
    before = scene.live()
    await scene.run(mode="plan")
    assert scene.status() == "planned", scene.stand.view("run-1")
    changed = {step["id"] for step in scene.stand.view("run-1")["steps"] if step["outcome"] == "would_change"}
    assert changed == {"make", "use", "remove_old", "forget"}
    assert scene.live() == before
    assert scene.lab.audit == []
    assert scene.stored() == {f"m365/{scene.kind}": 1}


async def test_others_credentials_are_not_touched(scene: Scene) -> None:
    if scene.kind != "client_secret":
        return
    assert scene.lab.own_registration is not None
    theirs = dict(scene.live()[0], keyId="11111111-0000-0000-0000-000000000000", hint="zzz", displayName="reports")
    scene.lab.own_registration.props["passwordCredentials"].append(theirs)
    scene.lab.tokens.secrets[theirs["keyId"]] = "zzz-of-somebody-else"
    await scene.run()
    assert scene.status() == "completed", scene.stand.view("run-1")
    assert theirs["keyId"] in {one["keyId"] for one in scene.live()}
    assert len(scene.live()) == 2


@pytest.mark.parametrize("where", ["before", "after"])
async def test_killed_at_any_request_one_that_works_is_left_and_the_resumed_run_ends_with_one(
    scene: Scene, tmp_path: Path, where: str
) -> None:
    plain = Scene(tmp_path / "plain", scene.kind)
    requests = await plain.run()
    plain.stand.close()
    step = 5 if scene.kind == "certificate" else 3
    for nth in range(1 if where == "before" else 2, requests + 1, step):
        one = Scene(tmp_path / f"{where}-{nth}", scene.kind)
        with contextlib.suppress(Killed):  # how often it looks varies a little: the last points may never come
            await one.run((where, nth))
        assert await one.signs_in(), f"locked out: {where} request {nth}"
        # The process is gone: nobody renews its lease any more.
        for _ in range(3):
            await one.run(run_id="run-1")
            if one.status() == "completed":
                break
        assert one.status() == "completed", (nth, one.stand.view("run-1"))
        assert len(one.live()) == 1, (where, nth)
        assert await one.signs_in()
        assert not await one.signs_in(1)
        assert one.stored() == {f"m365/{one.kind}": 2}
        one.stand.close()


async def test_killed_after_the_secret_was_made_and_another_run_takes_over(scene: Scene) -> None:
    """The first run is given up: what it made and nobody knows is removed by the next."""
    wire = Wire(scene.lab)
    access, handle = await scene.access(wire)
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
    access, handle = await scene.access(Wire(scene.lab))
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
    scene = Scene(tmp_path, "client_secret")
    scene.lab.reset()
    access, handle = await scene.access(Wire(scene.lab))
    with pytest.raises(TargetNotFound) as error:
        await access.capabilities["credentials"].state("m365")
    assert "registered it" in error.value.remedy
    assert isinstance(handle.capability("credentials")["client_secret"], CredentialService)
    await handle.aclose()


async def test_no_value_is_in_the_record(scene: Scene) -> None:
    await scene.run()
    values = [scene.stand.vault.get("acme", f"m365/{scene.kind}", version).get_secret_value() for version in (1, 2)]
    said = repr(scene.stand.view("run-1")) + repr(scene.stand.journal.tail("acme")) + repr(scene.lab.audit)
    for value in values:
        assert value.decode() not in said
        for path in scene.stand.home.path.rglob("*"):
            if path.is_file() and path.name != "master.key":
                assert value not in path.read_bytes(), path
