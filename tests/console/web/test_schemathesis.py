"""The intake as Schemathesis sees it: a real server, the document that it serves, and every kind of source.

Schemathesis is installed from its own lock (requirements/fuzz.txt) into an environment of its own, so this is one of the torture runs.
"""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from console.web import alerts, wire
from console.web.app import application
from tenantry.broker import ConsoleHand
from tenantry.home import Home
from tests.console.web.test_alerts import TOKEN, Front
from tests.console.web.test_alerts_api import TOKENED
from tests.support.waiting import until

pytestmark = [pytest.mark.torture, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def schemathesis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    uv = Path(sys.executable).with_name("uv")
    made = tmp_path_factory.mktemp("fuzz") / "venv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, made], check=True)
    locks = ["--require-hashes", ROOT / "requirements/fuzz.txt"]
    subprocess.run([uv, "pip", "sync", "--quiet", "--python", made / "bin/python", *locks], check=True)
    return made / "bin/schemathesis"


@contextmanager
def served(front: Front) -> Iterator[str]:
    """The intake as the console serves it, at an address; nobody is limited, since whoever asks is always the same."""
    minutes = itertools.count(step=60)
    listening = socket.create_server(("127.0.0.1", 0))
    with front.place.serving() as broker:
        hand = ConsoleHand(front.home.broker_socket, broker.grant_console(pid=os.getpid()))
        intake = alerts.Intake(hand, front.home.alerts_db, front.home.alerts_bell, front.fetch)
        app = application(alerts.routes(intake, clock=lambda: float(next(minutes))), tls=False)
        server = uvicorn.Server(uvicorn.Config(app, http=wire.behind(()), log_level="error"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            until(lambda: server.started, "it does not serve")
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
            listening.close()
            intake.close()
            hand.close()


@pytest.mark.parametrize("kind", [*TOKENED, "nobody"])
def test_nothing_is_found(schemathesis: Path, tmp_path: Path, kind: str) -> None:
    front = Front(Home(tmp_path / "home").ensure())
    line = f'  any_{kind}: {{kind: {kind}, proof: token, secret: "vault:_msp/alerts/defender"}}\n'
    if kind != "nobody":
        front.home.estate.write_text(front.home.estate.read_text(encoding="utf-8") + line, encoding="utf-8")
    config = tmp_path / "schemathesis.toml"
    own = Path(__file__).with_name("schemathesis.toml").read_text(encoding="utf-8")
    config.write_text(f'[parameters]\n"path.source" = "any_{kind}"\n\n{own}', encoding="utf-8")
    with served(front) as at:
        asked = ["--config-file", config, "run", f"{at}/openapi.json", "-H", f"X-Alert-Token: {TOKEN}", "--seed", "1"]
        done = subprocess.run([schemathesis, *asked, "--no-color"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
