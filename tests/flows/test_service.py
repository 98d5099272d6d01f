"""`tenantry up`: one at a time, signed in, and gone when it is told to go."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.flows.stand import ENDED, TENANT, Stand
from tests.flows.test_kills import prefect_server
from tests.support.waiting import until


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A service of this module's own: it is stopped, and its database deleted."""
    with Stand(tmp_path_factory.mktemp("own")) as stand:
        stand.up()
        yield stand


def test_a_second_one_is_refused(own: Stand) -> None:
    done = own.command("up")
    assert done.returncode == 5
    assert own.said["url"] in done.stderr


def test_everything_asks_for_the_credential(own: Stand) -> None:
    user, password = own.credential
    for address in (f"{own.said['api']}/flow_runs/filter", f"{own.said['pages']}/runs/x/timeline"):
        method = "POST" if "filter" in address else "GET"
        for auth in (None, (user, "wrong"), ("", "")):
            assert httpx.request(method, address, auth=auth, timeout=30).status_code == 401
    assert (own.home.path / "prefect.credential").stat().st_mode & 0o077 == 0
    assert password not in " ".join(own.said.values())
    assert password not in (own.home.path / "up.log").read_text(encoding="utf-8")


def test_prefects_pages_talk_to_this_machine_alone(own: Stand) -> None:
    answer = httpx.get(own.said["url"], follow_redirects=True, timeout=30)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "connect-src 'self' ws://127.0.0.1:* ws://localhost:*;" in policy


def test_told_to_go_it_goes_and_a_run_goes_on_after_prefect_forgot_everything(own: Stand) -> None:
    run = own.start("small", {"tenant": TENANT, "account": own.victim})
    assert own.wait_for(run, "PAUSED", *ENDED)["state_name"] == "Suspended"
    server = prefect_server(own)
    assert own.down(signal.SIGTERM) == 0
    until(lambda: not Path(f"/proc/{server}").exists(), "the server is still there")
    assert not own.home.server_file.exists()

    for file in own.home.prefect.glob("prefect.db*"):
        file.unlink()
    own.up()
    done = own.command("resume", run, "--json")
    assert done.returncode == 3, done.stderr
    state = own.state(run)
    assert state.attempt == 2
    assert state.flow_run_id is not None
    assert state.flow_run_id != run
    assert own.wait_for(state.flow_run_id, "PAUSED", *ENDED)["state_name"] == "Suspended"
    assert own.down(signal.SIGINT) == 0
