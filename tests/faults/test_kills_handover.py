"""An API token that a person makes, replaced with `credential_handover` and killed by SIGKILL: at journal boundaries and around every call, in
each of the three stretches between the person's acts. Never locked out; in the end one copy lives, and the service has refused the old one.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

import tasks.credentials.prove_old_dead as refusing
from flows.assembly import Installation
from flows.credentials import TenantCredentials
from integrations.http import Http
from tests.support.faults import Kill, Zygote
from tests.support.rotation import WHERE, RotationScene, Ticker, killed_and_resumed
from tests.support.rotation import zygote as make_zygote

TEXT = (Path(__file__).resolve().parents[2] / "runbooks" / "maintenance" / "credential_handover.yaml").read_text()
TENANT = """\
name: acme
display_name: Acme
providers:
  sink:
    vendor: sink
    settings: {{base_url: "{base}"}}
    secrets: {{token: "vault:acme/sink/token"}}
"""
CANDIDATE = "rotations/sink/token"
STRETCHES = ("made", "used", "removed")
"""Up to the first question; with the new one stored; with the old one removed."""


class Service:
    """Takes any of the tokens that live, as services do where people make them by hand. The client side is the sink's."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                body = json.dumps({"value": []} if token in service.tokens else {"error": "unauthorized"}).encode()
                self.send_response(200 if token in service.tokens else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def made(self) -> str:
        """A new one, beside the others."""
        token = f"canary-token-{secrets.token_hex(12)}"
        self.tokens.add(token)
        return token

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class TokenScene(RotationScene):
    """Killed before the first question; subclasses in the stretches after it."""

    provider = "sink/token"
    name = "sink/token"
    stretch: ClassVar[str] = "made"

    def __init__(self, folder: Path, zygote: Zygote) -> None:
        super().__init__(folder)
        self._zygote = zygote
        self.service = Service()
        self.stand.person("ann", "engineer")
        (self.stand.home.tenants / "acme.yaml").write_text(TENANT.format(base=self.service.base), encoding="utf-8")
        self.stand.vault.put("acme", self.name, self.service.made(), kind="token")

    async def opened(self, ticker: Ticker) -> tuple[TenantCredentials, Callable[[], Awaitable[None]]]:
        installation = Installation.open(self.stand.home)
        access = installation.access("acme", "run")
        context = await access.__aenter__()
        plain = Http._attempt

        async def counted(http: Http, *given: Any, **more: Any) -> Any:
            return await ticker.through(lambda: plain(http, *given, **more))

        Http._attempt = counted  # type: ignore[method-assign]

        async def close() -> None:
            Http._attempt = plain  # type: ignore[method-assign]
            await access.__aexit__(None, None, None)
            installation.close()

        return await context.capability("credentials"), close

    def create(self, mode: str = "run") -> str:
        self.runs += 1
        run_id = self.stand.create(TEXT, {"provider": self.provider}, run_id=f"run-{self.runs}", mode=mode)
        for _ in range(STRETCHES.index(self.stretch)):
            assert self.attempt(self._zygote, Kill(), run_id) == 0
            self.between(run_id)
        return run_id

    def between(self, run_id: str) -> None:
        """Ann's part: a new one beside the old one; and when the new one is in use, all others go."""
        for gate in self.stand.state(run_id).open_gates():
            if gate.step == "ask":
                self.stand.vault.put("acme", CANDIDATE, self.service.made(), kind="token")
            else:
                self.service.tokens &= {self.value()}
        self.stand.answer(run_id, "ann")

    def value(self, version: int | None = None) -> str:
        return self.stand.vault.get_text("acme", self.name, version).get_secret_value()

    def live(self) -> set[str]:
        return set(self.service.tokens)

    async def signs_in(self, version: int | None = None) -> bool:
        headers = {"Authorization": f"Bearer {self.value(version)}"}
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{self.service.base}/messages", headers=headers)
        return answer.status_code == 200

    def close(self) -> None:
        self.service.close()
        super().close()


class UsedScene(TokenScene):
    stretch = "used"


class RemovedScene(TokenScene):
    stretch = "removed"


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with make_zygote() as made:
        yield made


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        (UsedScene, {"write_during": 3}),
        (RemovedScene, {"append_after": 2}),
    ],
)
async def test_killed_anywhere_nobody_is_locked_out(
    kind: type[TokenScene], points: Mapping[str, int], zygote: Zygote, tmp_path: Path
) -> None:
    assert await killed_and_resumed(zygote, lambda name: kind(tmp_path / name, zygote), points) >= 2


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("kind", [TokenScene, UsedScene, RemovedScene])
async def test_killed_everywhere(kind: type[TokenScene], where: str, zygote: Zygote, tmp_path: Path) -> None:
    assert await killed_and_resumed(zygote, lambda name: kind(tmp_path / name, zygote), {where: 10_000}) >= (
        0 if kind is TokenScene else 2
    )


async def test_an_old_one_that_was_left_alive_ends_no_run(
    zygote: Zygote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever says that it is removed, and it is not, is told so: the run does not complete with two live copies."""
    scene = UsedScene(tmp_path, zygote)
    run_id = scene.create()
    assert scene.attempt(zygote, Kill(), run_id) == 0
    scene.stand.answer(run_id, "ann")
    monkeypatch.setattr(refusing, "_PAUSES", (0.0,))
    await scene.run(run_id=run_id)
    assert scene.status() == "paused_by_failed_step"
    assert len(scene.live()) == 2
    assert await scene.signs_in()
    scene.close()
