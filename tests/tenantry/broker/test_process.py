"""The broker as a process: started, killed, started again, gone with its parent; and the installation behind it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from flows.assembly import Installation
from tenantry.broker import BrokeredPeople, BrokeredVault, BrokerProcess
from tenantry.broker.client import SOCKET, TOKEN
from tenantry.errors import BrokerUnavailable, NotAuthenticated, OutOfScope
from tenantry.home import Home
from tenantry.journal import Event
from tenantry.masterkey import Argon2Parameters
from tenantry.vault import Vault
from tests.tenantry.broker.conftest import SECRETS, Place

RUN = "3f2a91c0-0000-4000-8000-000000000001"


def test_killed_and_started_again_it_serves_the_tokens_that_it_gave(place: Place) -> None:
    process = BrokerProcess(place.home)
    try:
        with process.start() as hand:
            token = hand.grant(RUN, "acme", pid=os.getpid())
            with BrokeredVault(process.path, token) as vault:
                vault.get("acme", "m365/secret")
                assert process.process is not None
                process.process.send_signal(signal.SIGKILL)
                process.process.wait(10)
                with process.restart():
                    assert vault.get_text("acme", "m365/secret").get_secret_value() == SECRETS["acme"]
                    assert hand.info()["reads"] == 1
    finally:
        process.stop()
    assert not place.home.broker_socket.exists()


def test_a_passphrase_is_handed_over_and_never_inherited(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    words = SecretStr("correct horse battery staple")
    cheap = Argon2Parameters(iterations=1, lanes=1, memory_kib=64)
    with Vault.open(home, lambda: words, argon2=cheap) as vault:
        vault.create_tenant_key("acme")
    process = BrokerProcess(home, lambda: words, {**os.environ, "TENANTRY_PASSPHRASE_FD": "0"})
    try:
        with process.start() as hand:
            assert hand.info()["tenants"] == ["acme"]
            assert process.process is not None
            pid = process.process.pid
            assert words.get_secret_value() not in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
        assert words.get_secret_value() not in (home.run / "broker.log").read_text(encoding="utf-8")
    finally:
        process.stop()
    wrong = BrokerProcess(home, lambda: SecretStr("not the right passphrase"))
    with pytest.raises(BrokerUnavailable):
        wrong.start()
    wrong.stop()
    assert "vault_locked" in (home.run / "broker.log").read_text(encoding="utf-8")


def test_it_ends_with_its_parent(place: Place) -> None:
    script = (
        "import sys; from tenantry.home import Home; from tenantry.broker import BrokerProcess; from pathlib import Path\n"
        "process = BrokerProcess(Home(Path(sys.argv[1])))\n"
        "process.start()\n"
        "print(process.process.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(place.home.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait(10)
    deadline = time.monotonic() + 30
    while place.home.broker_socket.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not place.home.broker_socket.exists()
    for pipe in (parent.stdin, parent.stdout):
        if pipe is not None:
            pipe.close()
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def test_it_is_not_started_by_hand(place: Place) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tenantry.broker"],
        env={**os.environ, "TENANTRY_HOME": str(place.home.path)},
        input="{}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert "started by the service" in done.stderr


def test_an_installation_behind_the_broker(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    process = BrokerProcess(place.home)
    try:
        with process.start() as hand:
            monkeypatch.setenv(SOCKET, str(process.path))
            with Installation.open(place.home) as bare, pytest.raises(NotAuthenticated):
                bare.vault.tenants()
            monkeypatch.setenv(TOKEN, hand.grant(RUN, "acme", pid=os.getpid()).get_secret_value())
            with Installation.open(place.home) as installation:
                assert isinstance(installation.vault, BrokeredVault)
                assert isinstance(installation.people, BrokeredPeople)
                installation.journal.append("acme", [Event("note", {"text": "hello"}, RUN)])
                ref = installation.evidence.put("acme", "rows.jsonl", lambda: (b"{}\n",))
                assert b"".join(installation.evidence.open("acme", ref.sha256)) == b"{}\n"
                with pytest.raises(OutOfScope):
                    installation.vault.put("acme", "x", "y")
                with pytest.raises(OutOfScope):
                    installation.journal.tail("beta")
    finally:
        process.stop()
