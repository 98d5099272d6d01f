"""Prefect's own command line, as its users know it, against the service."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.flows.stand import ENDED, TENANT, Stand
from tests.flows.test_service_kills import process
from tests.support.waiting import until


def prefect(*args: str) -> list[str]:
    return [sys.executable, "-m", "prefect", "--no-prompt", *args]


def environment(stand: Stand) -> dict[str, str]:
    """What an engineer sets."""
    return {
        **stand.environment,
        "PREFECT_API_URL": stand.loopback,
        "PREFECT_API_AUTH_STRING": ":".join(stand.credential),
        "PREFECT_HOME": str(stand.home.prefect),
    }


def run(stand: Stand) -> str:
    """`prefect deployment run`, a plan, which asks nobody. Returns the flow run's id."""
    stand.deployment("plain")
    given = ("-p", f"tenant={TENANT}", "-p", f"account={stand.victim}", "-p", "mode=plan")
    done = subprocess.run(
        prefect("deployment", "run", "plain/tenantry", *given),
        env=environment(stand),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"UUID: ([0-9a-f-]{36})", done.stdout)
    assert found, done.stdout
    return found[1]


def test_prefect_deployment_run(stand: Stand) -> None:
    flow_run = run(stand)
    assert stand.wait_for(flow_run, *ENDED)["state_name"] == "Planned", stand.state(flow_run).items
    assert stand.state(flow_run).mode == "plan"


@contextmanager
def asleep(pid: int | None) -> Iterator[None]:
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_prefect_worker_start(stand: Stand) -> None:
    """On another machine of the estate, say: a worker of this type, started as every worker is."""
    stand.deployment("plain")  # registered by the service
    log = stand.home.run / "prefect-worker.log"
    with log.open("ab") as out:
        worker = subprocess.Popen(
            prefect("worker", "start", "--pool", "tenantry", "--type", "tenantry"),
            env=environment(stand),
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            # A script's background commands, and so perhaps these tests, ignore Ctrl-C, and what they start does so too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
    try:
        until(lambda: "started!" in log.read_text(encoding="utf-8"), "the worker does not start")
        until(lambda: process(stand, "worker") is not None, "the service has no worker")
        with asleep(process(stand, "worker")):
            flow_run = run(stand)
            assert stand.wait_for(flow_run, *ENDED)["state_name"] == "Planned"
        worker.send_signal(signal.SIGINT)
        assert worker.wait(60) == 0, log.read_text(encoding="utf-8")
    finally:
        worker.kill()
        worker.wait()
