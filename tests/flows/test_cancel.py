"""Cancelled in Prefect: the run's process is asked to end, has its time, and is ended. The run goes on from its record."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.warm import GRACE
from tenantry.estate import ServiceSettings
from tenantry.run import Status
from tests.flows.stand import TENANT, Stand
from tests.flows.test_kills import owner
from tests.support.waiting import until


@pytest.fixture
def slow(stand: Stand) -> Iterator[Stand]:
    """A lab that takes a second for each answer, so that a run is met in the middle of a step."""
    httpx.post(f"{stand.lab_server.base_url}/_lab/faults", json={"latency_ms": 1000}).raise_for_status()
    yield stand
    stand.lab.reset()


def under_way(stand: Stand) -> tuple[str, int]:
    run = stand.begin("plain", {"tenant": TENANT, "account": stand.victim})
    stand.wait_for_event(run, "run.attempt")
    return run, owner(stand, run)


def cancel(stand: Stand, run: str) -> None:
    """As the button does."""
    state = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    stand.post(f"/flow_runs/{stand.flow_of(run)}/set_state", state)


def states_of_steps(stand: Stand, flow_run_id: str) -> list[str]:
    found = stand.post("/task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}})
    return [task["state_type"] for task in found]


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def pending(pid: int) -> set[int]:
    """Signals that wait for the process (proc_pid_status(5): ShdPnd)."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return set()
    mask = int(next(line.split()[1] for line in text.splitlines() if line.startswith("ShdPnd")), 16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


def halted(pid: int) -> bool:
    """Whether every thread of the process stands still: one that does not yet may take a signal."""
    stats = [path.read_text(encoding="ascii") for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(text.rpartition(")")[2].split()[0] == "T" for text in stats)


def ended_as_it_should(stand: Stand, run: str) -> None:
    flow_run: dict[str, Any] = stand.wait_for(run, "CANCELLED")
    assert "tenantry resume" in flow_run["state"]["message"]
    state = stand.state(run)
    assert state.status(live=False) is Status.INTERRUPTED  # a button with no name to it ends no run
    events = stand.events(run)
    # Before it began, a busy machine may have taken so long that another attempt was made.
    assert "run.recovered" not in events[events.index("run.attempt") :], "it was taken for one whose process died"
    stand.lab.faults = type(stand.lab.faults)()
    done = stand.command("resume", run, "--json")
    assert done.returncode == 0, done.stderr
    assert stand.state(run).ended is Status.COMPLETED
    assert len(stand.writes()) == 1


def test_thirty_seconds_unless_the_estate_says_otherwise() -> None:
    assert ServiceSettings().cancel_grace_seconds == GRACE == 30


def test_one_that_obeys(slow: Stand) -> None:
    run, pid = under_way(slow)
    flow_run = slow.flow_of(run)
    until(lambda: "RUNNING" in states_of_steps(slow, flow_run), "a step that takes its time is not shown as running")
    cancel(slow, run)
    until(lambda: not alive(pid), f"{pid} goes on")
    ended_as_it_should(slow, run)
    log = slow.worker_log()
    assert f"{pid} did not end" not in log


def test_one_that_does_not(slow: Stand) -> None:
    """A stopped process takes no signal but one: what was sent to it before stays pending, and is seen."""
    run, pid = under_way(slow)
    os.kill(pid, signal.SIGSTOP)
    until(lambda: halted(pid), "it goes on")
    cancel(slow, run)
    until(lambda: signal.SIGTERM in pending(pid), "it was not asked to end")
    assert alive(pid)
    assert signal.SIGKILL not in pending(pid)
    until(lambda: not alive(pid), "it was not ended")
    ended_as_it_should(slow, run)
    assert f"{pid} did not end" in slow.worker_log()
