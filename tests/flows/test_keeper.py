"""Runs that nobody carries: taken up again by themselves, a fixed number of times, and ended as their runbook says."""

from __future__ import annotations

from datetime import timedelta

from flows import launch
from flows.keeper import PAUSES
from flows.settings import worker_environment
from tenantry import tether
from tenantry.clock import rfc3339
from tenantry.journal import Event
from tenantry.run import Status
from tests.flows.stand import TENANT, Stand
from tests.flows.test_kills import kill
from tests.flows.test_service_kills import process
from tests.support.waiting import until

REQUESTER = {"person": None, "proven": False, "via": "test"}


def left(stand: Stand, recoveries: int, runbook: str = "plain") -> str:
    """A run whose process died right after it began, for the so-many-th time."""
    with stand.opened() as installation:
        run = launch.prepare(installation, runbook, TENANT, {"account": stand.victim}, "run", REQUESTER)
        state = installation.state(run)
        flow = (state.runbook, state.version)
        said = [Event("run.attempt", {"attempt": 1, "owner": "gone"}, run, attempt=1, flow=flow)]
        for number in range(1, recoveries + 1):
            again = {"why": "its process died", "number": number}
            said.append(Event("run.recovered", again, run, attempt=number, flow=flow))
            said.append(
                Event("run.attempt", {"attempt": number + 1, "owner": "gone"}, run, attempt=number + 1, flow=flow)
            )
        installation.journal.append(TENANT, said)
    return run


def test_a_run_whose_process_died_goes_on_without_a_person(stand: Stand) -> None:
    run = left(stand, 0)
    stand.wait_for_event(run, "run.ended")
    assert stand.state(run).ended is Status.COMPLETED
    assert stand.events(run).count("run.recovered") == 1
    assert len(stand.writes()) == 1


def test_two_keepers_take_each_run_up_once(stand: Stand) -> None:
    """Two processes over one record, as on two machines."""
    stand.deployment("plain")  # which the service's own keeper has registered
    credential = ":".join(stand.credential)
    environment = worker_environment(stand.home, credential, stand.loopback, stand.environment)
    log = stand.home.run / "second.log"
    second = tether.spawn(["flows.worker_process"], environment=environment, log=log)
    try:
        assert second.stdin is not None
        second.stdin.write(b'{"broker": null}\n')
        second.stdin.flush()
        until(lambda: "another process looks after the runs" in log.read_text(encoding="utf-8"), "no second keeper")
        acting = process(stand, "worker")
        assert acting is not None
        kill(acting)  # the other one goes on, and the one that is started in its place finds that somebody does
        runs = [left(stand, 0) for _ in range(4)]
        for run in runs:
            stand.wait_for_event(run, "run.ended")
            # On a slow machine it may be asked for again before it begins; it is begun once.
            assert stand.events(run).count("run.attempt") == stand.state(run).attempt == 2
    finally:
        tether.stop(second, grace=40)


def test_one_that_keeps_dying_is_left_to_a_person(stand: Stand) -> None:
    """Counted in the record, so a service that was started anew does not begin counting anew."""
    run = left(stand, len(PAUSES))
    stand.wait_for_event(run, "run.stopped")
    state = stand.state(run)
    assert state.status(live=False) is Status.INTERRUPTED
    assert state.recoveries == 0
    assert stand.writes() == []
    done = stand.command("resume", run, "--json")
    assert done.returncode == 0, done.stderr
    assert stand.state(run).ended is Status.COMPLETED


def test_a_question_that_nobody_answered_in_time_ends_as_the_runbook_says(stand: Stand) -> None:
    """The step's question expired while nothing ran: somebody looks, and the step fails as ``approval_expired``."""
    run = stand.begin("small", {"tenant": TENANT, "account": stand.victim})
    stand.wait_for_event(run, "run.stopped")
    stand.wait_for(run, "PAUSED")
    with stand.opened() as installation:
        state = installation.state(run)
        flow = (state.runbook, state.version)
        # The same questions, asked with a time that comes at once.
        soon = rfc3339(installation.journal.clock.now() + timedelta(seconds=2))
        expired = [
            Event(
                "approval.requested",
                {
                    **{k: v for k, v in gate.request.items() if k != "requested_at"},
                    "expires_at": soon,
                },
                run,
                gate.step,
                state.attempt,
                flow=flow,
            )
            for gate in state.open_gates()
        ]
        stopped = Event(
            "run.stopped",
            {"status": "waiting_for_approval", "due": soon},
            run,
            None,
            state.attempt,
            "waiting_for_approval",
            flow,
        )
        installation.journal.append(TENANT, [*expired, stopped])
    stand.wait_for_event(run, "approval.closed", 1)
    stand.wait_for_event(run, "run.stopped", 3)
    assert stand.state(run).status(live=False) is Status.PAUSED
    assert stand.writes() == []
