"""Killed through Prefect: the flow's process, Prefect's server, both, the service. The same end, everything done once."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.stand import ENDED, TENANT, Stand
from tests.support.faults import End, writes
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(600)
RUNBOOK = "business_email_compromise"


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with Stand(tmp_path_factory.mktemp("killed"), users=20) as stand:
        stand.up()
        yield stand


def start(stand: Stand) -> str:
    stand.lab.reset()
    run = stand.begin(
        RUNBOOK, {"tenant": TENANT, "account": stand.victim}
    )  # from the form, it would ask before its effects
    stand.wait_for_event(run, "run.attempt")
    return run


def still(stand: Stand, run: str) -> bool:
    """It has ended, or waits for a person."""
    state = stand.state(run)
    return state.ended is not None or (state.stopped is not None and bool(state.open_gates()))


def finish(stand: Stand, run: str) -> End:
    """Answer what is asked until the run has ended."""
    for _ in range(12):
        until(lambda: still(stand, run), f"{run} neither ends nor asks", seconds=150)
        if stand.state(run).ended is not None:
            break
        stand.wait_for(run, "PAUSED", *ENDED)
        stand.answer(run)
        attempts = stand.events(run).count("run.attempt")
        stand.set_state(run, "SCHEDULED")  # as whoever answered on the command line has it go on
        stand.wait_for_event(run, "run.attempt", attempts + 1)
    with stand.opened() as installation:
        view = installation.view(run)
        verified = installation.journal.verify().ok
    return End(
        status=view["status"],
        outcomes={f"{step['id']}|{step['item'] or ''}": step["outcome"] for step in view["steps"]},
        writes=writes(stand.lab.audit, run),
        innocent_touched=len(stand.lab.innocent_touched()),
        verified=verified,
    )


@pytest.fixture(scope="module")
def uninterrupted(stand: Stand) -> End:
    end = finish(stand, start(stand))
    assert end.status == "completed"
    assert set(end.writes.values()) == {1}
    assert end.innocent_touched == 0
    assert end.verified
    return end


def owner(stand: Stand, run: str) -> int:
    """The process that executes the run now, or the next one to do so."""
    found: list[int] = []

    def there() -> bool:
        with stand.opened() as installation:
            attempts = [r.data["owner"] for r in installation.journal.records(run) if r.event == "run.attempt"]
            live = installation.journal.live(run)
        found[:] = [int(attempts[-1].split("|")[2])]
        return live and Path(f"/proc/{found[0]}").exists()

    until(there, f"nobody executes {run}")
    return found[0]


def prefect_server(stand: Stand) -> int:
    assert stand.service is not None
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
            except OSError:
                continue
            if b"flows.server_process" in words and parent == str(stand.service.pid):
                return int(folder.name)
    raise AssertionError("the service has no server")


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def at(stand: Stand, run: str, event: str, times: int) -> None:
    """Wait for the moment to kill at."""
    stand.wait_for_event(run, event, times, seconds=150)


def resumed(stand: Stand, run: str) -> None:
    """`tenantry resume`: whatever state Prefect shows, the run goes on."""
    done = stand.command("resume", run, "--json")
    assert done.returncode in (0, 3), done.stderr


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.torture)])
def test_the_flows_process(stand: Stand, uninterrupted: End, seed: int) -> None:
    """Twice in one run: once among the reads, once among the effects."""
    dice = random.Random(seed)
    run = start(stand)
    at(stand, run, "step.outcome", dice.randint(1, 4))
    kill(owner(stand, run))
    at(stand, run, "step.intent", dice.randint(1, 4))
    kill(owner(stand, run))
    resumed(stand, run)
    assert finish(stand, run) == uninterrupted
    assert stand.state(run).attempt > 2


def test_prefects_server(stand: Stand, uninterrupted: End) -> None:
    run = start(stand)
    at(stand, run, "step.outcome", random.Random(3).randint(3, 9))
    before = prefect_server(stand)
    kill(before)
    at(stand, run, "run.stopped", 1)  # it goes on without
    end = finish(stand, run)
    assert end == uninterrupted
    assert prefect_server(stand) != before


def test_both(stand: Stand, uninterrupted: End) -> None:
    run = start(stand)
    at(stand, run, "step.intent", random.Random(4).randint(1, 9))
    kill(prefect_server(stand))
    kill(owner(stand, run))
    resumed(stand, run)
    assert finish(stand, run) == uninterrupted


def test_the_whole_service(stand: Stand, uninterrupted: End) -> None:
    """As after the machine lost its power: nobody tells it to go on."""
    run = start(stand)
    at(stand, run, "step.intent", random.Random(5).randint(1, 9))
    assert stand.service is not None
    stand.down(signal.SIGKILL)
    stand.up()
    assert finish(stand, run) == uninterrupted
