"""`tenantry up`: one at a time, signed in, over TLS from elsewhere, and gone when it is told to go."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tenantry.run import Status
from tests.flows.stand import ENDED, TENANT, Stand
from tests.flows.test_kills import kill, owner, prefect_server
from tests.flows.test_service_kills import below
from tests.support.certificates import Authority
from tests.support.disk import SmallDisk, small_disk
from tests.support.tools import needs
from tests.support.waiting import until


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk | None]:
    with small_disk(tmp_path_factory.mktemp("own") / "home", 400) as disk:
        yield disk


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, authority: Authority, disk: SmallDisk | None) -> Iterator[Stand]:
    """A service of this module's own, on every address of this machine and on a disk of its own: it is stopped, its database
    deleted, and the disk filled."""
    folder = disk.folder.parent if disk is not None else tmp_path_factory.mktemp("own")
    certificate, key = authority.issue()
    options = ("--host", "0.0.0.0", "--tls-cert", str(certificate), "--tls-key", str(key))
    with Stand(folder, options=options) as stand:
        stand.up()
        yield stand


@pytest.fixture
def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.ca))


def test_a_second_one_is_refused(own: Stand) -> None:
    done = own.command("up")
    assert done.returncode == 5
    assert own.said["url"] in done.stderr


def test_no_process_of_it_leaves_its_memory_on_the_disk(own: Stand) -> None:
    assert own.service is not None
    limits = {
        pid: re.search(r"^Max core file size +(\S+) +(\S+)", Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)
        for pid in [own.service.pid, *below(own.service.pid)]
    }
    assert len(limits) >= 5  # the supervisor, the server, the broker, the worker, the console
    assert {found.groups() if found else None for found in limits.values()} == {("0", "0")}


def addresses(own: Stand) -> list[tuple[str, str]]:
    """What asks for the credential, from this machine and from others: method and address."""
    return [
        ("POST", f"{own.loopback}/flow_runs/filter"),
        ("POST", f"{own.said['api']}/flow_runs/filter"),
        ("GET", f"{own.said['pages']}/runs/x/timeline"),
        ("GET", f"{own.said['pages']}/metrics"),
    ]


def test_everything_asks_for_the_credential(own: Stand, trusting: ssl.SSLContext) -> None:
    user, password = own.credential
    for method, address in addresses(own):
        for auth in (None, (user, "wrong"), ("", "")):
            assert httpx.request(method, address, auth=auth, timeout=30, verify=trusting).status_code == 401, address
        answer = httpx.request(method, address, auth=own.credential, timeout=30, verify=trusting)
        assert answer.status_code == (404 if "timeline" in address else 200), address
    assert (own.home.path / "prefect.credential").stat().st_mode & 0o077 == 0
    assert password not in " ".join(own.said.values())
    assert password not in own.log.read_text(encoding="utf-8")


def test_beyond_loopback_there_is_tls_and_nothing_else(own: Stand, trusting: ssl.SSLContext) -> None:
    for kind in ("url", "pages", "console"):
        address = own.said[kind]
        assert address.startswith("https://localhost:")
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            httpx.get(address, timeout=30)
        with pytest.raises(httpx.TransportError):
            httpx.get(address.replace("https", "http"), timeout=30)
        port = urlsplit(address).port
        with (
            socket.create_connection(("localhost", port)) as raw,
            trusting.wrap_socket(raw, server_hostname="localhost") as tls,
        ):
            assert tls.version() in ("TLSv1.2", "TLSv1.3")
    # What speaks no TLS cannot be reached from elsewhere.
    plain = urlsplit(own.said["local"]).port
    for other in {entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {
        "127.0.0.1"
    }:
        with pytest.raises(OSError), socket.create_connection((other, plain), timeout=5):
            pass


def test_the_console_asks_for_no_credential_and_gives_nothing_away(own: Stand, trusting: ssl.SSLContext) -> None:
    base = own.said["console"]
    page = httpx.get(f"{base}/drop/0123456789abcdef", verify=trusting, timeout=30)
    assert page.status_code == 200
    assert "max-age" in page.headers["strict-transport-security"]
    assert httpx.get(f"{base}/metrics", verify=trusting, timeout=30, auth=own.credential).status_code == 404
    answer = httpx.post(f"{base}/drop/0123456789abcdef/look", json={"token": "x"}, verify=trusting, timeout=30)
    assert (answer.status_code, answer.json()) == (404, {"code": "not_found"})


def test_prefects_pages_talk_to_this_machine_alone(own: Stand, trusting: ssl.SSLContext) -> None:
    for address in (own.said["local"], own.said["url"]):
        answer = httpx.get(address, follow_redirects=True, timeout=30, verify=trusting)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert ("connect-src 'self' ws://127.0.0.1:* ws://localhost:*;" in policy) == (address == own.said["local"])
        assert httpx.get(f"{address}/ui-settings", verify=trusting).json()["api_url"] == f"{address}/api"


def test_prefects_own_client_over_tls(own: Stand, authority: Authority) -> None:
    """With nothing but Prefect's settings, as an engineer has them on another machine; its WebSocket too."""
    script = (
        "import asyncio\n"
        "from prefect import get_client\n"
        "from prefect.events.clients import get_events_subscriber\n"
        "async def work():\n"
        "    async with get_client() as client:\n"
        "        print(len(await client.read_deployments()) > 0)\n"
        "    async with get_events_subscriber(reconnection_attempts=0):\n"
        "        print('heard')\n"
        "asyncio.run(work())\n"
    )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_API_URL": own.said["api"],
        "PREFECT_API_AUTH_STRING": ":".join(own.credential),
        "PREFECT_API_SSL_CERT_FILE": str(authority.ca),
        "SSL_CERT_FILE": str(authority.ca),
        "PREFECT_HOME": str(own.home.prefect),
    }
    own.deployment("plain")
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.split() == ["True", "heard"], done.stderr


def test_a_server_that_starts_again_is_reached_at_the_same_address(own: Stand, trusting: ssl.SSLContext) -> None:
    """And who calls meanwhile waits, because the socket is the supervisor's."""
    kill(prefect_server(own))
    answer = httpx.get(f"{own.said['api']}/health", timeout=90, verify=trusting)
    assert answer.status_code == 200


def fill(own: Stand, disk: SmallDisk) -> None:
    """Not a byte is left, and none that is the record's already: its log is lengthened ahead of what is written."""
    log = Path(f"{own.home.journal_db}-wal")
    for _ in range(10):
        with closing(sqlite3.connect(own.home.journal_db)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        disk.fill()
        if log.stat().st_size < 30_000:  # a few pages at most, which somebody wrote meanwhile
            return
        disk.free()
    raise AssertionError("the record's log has room each time")


def test_a_disk_that_is_full_stops_runs_and_loses_none(own: Stand, disk: SmallDisk | None) -> None:
    needs(disk is not None, "the right to mount")
    assert disk is not None
    assert own.service is not None
    # Long enough that it is under way still when the disk is full, on whatever machine.
    httpx.post(f"{own.lab_server.base_url}/_lab/faults", json={"latency_ms": 12_000}).raise_for_status()
    own.deployment("plain")
    run = own.begin("plain", {"tenant": TENANT, "account": own.victim})
    own.wait_for_event(run, "run.attempt")
    carrier = owner(own, run)
    fill(own, disk)
    try:
        full = "is full: 0 MB are left"
        until(lambda: full in own.log.read_text(encoding="utf-8"), "nobody says that the disk is full")
        until(lambda: not Path(f"/proc/{carrier}").exists(), "the run goes on although it cannot be recorded")
        doctor = own.command("doctor", "--json")
        assert doctor.returncode == 1
        (said,) = (check for check in json.loads(doctor.stdout)["checks"] if check["check"] == "disk")
        assert said["status"] == "failed"
        assert "Free" in said["remedy"]
        assert own.state(run).ended is None
    finally:
        disk.free()
    own.lab.faults = type(own.lab.faults)()
    own.wait_for_event(run, "run.ended")
    assert own.state(run).ended is Status.COMPLETED
    assert len(own.writes()) == 1
    with own.opened() as installation:
        assert installation.journal.verify().ok
    own.lab.reset()
    again = own.begin("plain", {"tenant": TENANT, "account": own.victim})
    own.wait_for_event(again, "run.ended")
    assert own.service.poll() is None
    assert "has room again" in own.log.read_text(encoding="utf-8")


def test_told_to_go_it_goes_and_a_run_goes_on_after_prefect_forgot_everything(
    own: Stand, disk: SmallDisk | None
) -> None:
    run = own.start("small", {"tenant": TENANT, "account": own.victim})
    assert own.wait_for(run, "PAUSED", *ENDED)["state_name"] == "Suspended"
    server, links = prefect_server(own), own.said["console"]
    assert own.down(signal.SIGTERM) == 0
    until(lambda: not Path(f"/proc/{server}").exists(), "the server is still there")
    assert not own.home.server_file.exists()

    for file in own.home.prefect.glob("prefect.db*"):
        file.unlink()
    if disk is not None:  # as after a machine came up with a full one
        disk.fill()
    own.begin_up()
    if disk is not None:
        until(
            lambda: "it starts by itself then" in own.log.read_text(encoding="utf-8"),
            "it does not say what it waits for",
        )
        assert own.service is not None
        assert own.service.poll() is None
        disk.free()
    own.ready()
    assert own.said["console"] == links  # those that are out there still lead here
    done = own.command("resume", run, "--json")
    assert done.returncode == 3, done.stderr
    state = own.state(run)
    assert state.attempt == 2
    assert state.flow_run_id is not None
    assert state.flow_run_id != run
    assert own.wait_for(state.flow_run_id, "PAUSED", *ENDED)["state_name"] == "Suspended"
    assert own.down(signal.SIGINT) == 0
