"""The process that faces the network, as the service starts it: where it listens, what it is given, and when it gives up."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import cast

import pytest
from pydantic import SecretStr

from flows.front import Front, Listening, listen
from tenantry.broker import BrokerProcess, Supervisor
from tenantry.errors import InvalidInput
from tenantry.home import Home
from tests.tenantry.broker.conftest import Place, place
from tests.tenantry.broker.test_console import make

__all__ = ["place"]  # a fixture


class Standing:
    """A broker that serves already; ``token`` instead of a good one."""

    def __init__(self, place: Place, token: str | None = None) -> None:
        self.path = place.home.broker_socket
        self._token = token

    def supervisor(self) -> Supervisor:
        hand = Supervisor(self.path, SecretStr("s" * 43), patience=5)
        if self._token is not None:
            hand.grant_console = lambda **_: SecretStr(str(self._token))  # type: ignore[method-assign]  # a forged one
        return hand


def front(place: Place, token: str | None = None, **environment: str) -> Front:
    broker = cast(BrokerProcess, Standing(place, token))
    return Front(place.home, "console.web", listen(place.home, None, None), broker, environment)


def ask(front: Front, drop: str, token: str) -> tuple[int, dict[str, str]]:
    body = json.dumps({"token": token}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{front.url}/drop/{drop}/look", body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_it_serves_with_a_token_and_nothing_else(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(place)
    with place.serving():
        started = front(place, TENANTRY_PASSPHRASE="words", TENANTRY_HOME=str(place.home.path), PATH="/usr/bin:/bin")
        started.start()
        try:
            assert ask(started, made.drop.id, made.token.get_secret_value())[1]["client"] == "Acme Ltd"
            assert started.process is not None
            environment = Path(f"/proc/{started.process.pid}/environ").read_bytes()
            assert b"TENANTRY" not in environment
            # Killed: who calls meanwhile waits for the next one, because the socket is ours.
            started.process.kill()
            started.process.wait(10)
            started.restart()
            assert ask(started, made.drop.id, made.token.get_secret_value())[0] == 200
        finally:
            started.stop()
        assert made.token.get_secret_value() not in (place.home.run / "console.log").read_text(encoding="utf-8")


def test_one_that_the_broker_does_not_know_ends_so_that_another_begins(place: Place) -> None:
    with place.serving():
        started = front(place, "forged.token")
        started.start()
        try:
            assert ask(started, "0123456789abcdef", "x") == (503, {"code": "not_authenticated"})
            assert started.process is not None
            assert started.process.wait(30) == 75
        finally:
            started.stop()


def port_of(listening: Listening) -> int:
    return int(listening.socket.getsockname()[1])


def test_the_port_stays_unless_somebody_else_has_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    first = listen(home, None, None)
    port = port_of(first)
    home.console_file.write_text(json.dumps({"url": first.url, "port": port}), encoding="utf-8")
    taken = listen(home, None, None)
    assert port_of(taken) != port
    for one in (first, taken):
        one.socket.close()
    again = listen(home, None, None)
    assert port_of(again) == port
    again.socket.close()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": "x"}', '{"port": 0}', '{"port": 99999}'])
def test_a_file_that_says_nothing_of_use(tmp_path: Path, text: str) -> None:
    home = Home(tmp_path / "home").ensure()
    home.console_file.write_text(text, encoding="utf-8")
    listen(home, None, None).socket.close()


def test_a_configured_port_that_is_taken_is_said(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InvalidInput, match="--console-port"):
        listen(home, None, taken.getsockname()[1])
