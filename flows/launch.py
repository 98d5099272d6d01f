"""Starting, resuming, undoing and cancelling runs from the command line, through Prefect.

What is followed is the journal, not Prefect: a server that dies in the middle loses nothing and changes no exit code.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from flows import estate
from flows.api import PATIENCE, away, errors, patiently
from flows.assembly import Installation
from flows.binding import RUN_TAG, bind, bound, run_name
from flows.estate import access_of
from flows.recording import prepare
from flows.server import EmbeddedServer, Server, ServerBusy, ServerFailed, find, using
from flows.settings import use
from tenantry import tether
from tenantry.errors import Conflict
from tenantry.journal import MSP, Record
from tenantry.run import Engine, RunState, Status, fold

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

Follow = Callable[[RunState, Record | None], None]
"""Called with the run's state after each new entry, and now and then with None while nothing happens."""

_LOOK: Final = 0.1
_COMES_BACK: Final = 90.0
"""Seconds that a service needs at most to bring its server back up."""


@contextlib.contextmanager
def server(installation: Installation, say: Callable[[str], None] | None = None) -> Iterator[Server]:
    """The home's server: the one that runs, or one started for as long as the block lasts. This process becomes a client
    of it, so Prefect must not have been imported for another one before.

    Raises:
        ServerFailed.
    """
    with contextlib.ExitStack() as stack:
        while True:
            using_it = stack.enter_context(contextlib.ExitStack())
            using_it.enter_context(using(installation.home))
            running = find(installation.home, _COMES_BACK)
            if running is not None:
                break
            using_it.close()  # or nobody could end the one that is started
            try:
                running = stack.enter_context(_started(installation, say))
                break
            except ServerBusy:
                time.sleep(_LOOK)  # somebody else starts it
        use(running.environment(installation.home))
        yield running


@contextlib.contextmanager
def _started(installation: Installation, say: Callable[[str], None] | None) -> Iterator[Server]:
    embedded = EmbeddedServer(installation.home)
    if say is not None:
        say("starting the embedded Prefect server")
    try:
        yield embedded.start()
    finally:
        embedded.stop()


def start(
    installation: Installation,
    runbook_id: str,
    tenant: str,
    params: Mapping[str, Any],
    mode: str,
    requester: Mapping[str, Any],
    follow: Follow | None = None,
    wait: bool = True,
) -> str:
    """Record a run and execute it through Prefect; with ``wait`` until nothing more can be done now.

    Returns:
        the run's id.
    """
    run_id = prepare(installation, runbook_id, tenant, params, mode, requester)
    resume(installation, run_id, follow=follow, wait=wait)
    return run_id


def resume(installation: Installation, run_id: str, *, follow: Follow | None = None, wait: bool = True) -> RunState:
    """Carry a run on from wherever the record says it stands. An ended run stays as it is.

    One of the estate's is carried here and now, without Prefect (`flows.estate`).
    """
    state = installation.state(run_id)
    if state.ended is not None:
        return state
    if state.tenant == MSP:
        return estate.carry(installation, state.run_id, follow=follow)
    if not wait:
        _detach(installation, state.run_id)
        return state
    with server(installation) as running:
        flow_run_id = asyncio.run(schedule(installation, state))
        child = None if running.dispatching else execute(installation, running, flow_run_id)
        try:
            return _watch(installation, state, child, follow)
        finally:
            if child is not None:
                tether.stop(child)


def execute(installation: Installation, running: Server, flow_run_id: UUID) -> subprocess.Popen[bytes]:
    """A tethered child that executes the flow run."""
    log = installation.home.run / "worker.log"
    return tether.spawn(
        ["flows.execute", str(flow_run_id)],
        environment={**os.environ, **running.environment(installation.home)},
        log=log,
    )


def _detach(installation: Installation, run_id: str) -> None:
    """Carry on in a process of its own, which starts a server for as long as it needs one."""
    log = installation.home.run / "detached.log"
    with log.open("ab") as out:
        subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", "flows.detached", run_id],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, "TENANTRY_HOME": str(installation.home.path)},
            start_new_session=True,
            cwd=Path("/"),
        )


async def schedule(installation: Installation, state: RunState, *, patience: float = PATIENCE) -> UUID:
    """Prepare Prefect to carry a run on, from whatever state it shows, or from nothing. Waits for a server that is away.

    Args:
        patience: seconds.

    Returns:
        the flow run that will: the run's last one, scheduled again, or a new one.

    Raises:
        PrefectUnavailable, PrefectRejected: the run stays in the record as it is.
    """
    # May be done twice: the same idempotency key gives the same flow run, and the record names it once.
    return await patiently(lambda: _schedule(installation, state), patience)


async def _schedule(installation: Installation, state: RunState) -> UUID:
    from prefect import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Scheduled

    async with get_client() as client:
        deployment = (await _deployment(installation, client, state.runbook)).id
        if state.flow_run_id is not None:
            flow_run_id = UUID(state.flow_run_id)
            with contextlib.suppress(ObjectNotFound):
                flow_run = await client.read_flow_run(flow_run_id)
                if flow_run.deployment_id == deployment:
                    await _bind(installation, state, flow_run_id)
                    await client.set_flow_run_state(flow_run_id, Scheduled(name="Resuming"), force=True)
                    return flow_run_id
        try:
            made = await _created(client, deployment, state)
        except errors() as problem:
            if away(problem):
                raise
            # The form is that of an earlier day: a tenant or a parameter came since.
            from flows.deployments import register

            made = await _created(client, (await register(installation, client))[state.runbook], state)
        # Whoever takes it before this waits until the record names it (`flows.body`).
        await _bind(installation, state, made)
        return made


async def claimed(
    installation: Installation, state: RunState, client: PrefectClient
) -> tuple[FlowRun, DeploymentResponse]:
    """A flow run for a run that is being carried already: it is nobody's to take.

    Raises:
        PrefectUnavailable, PrefectRejected: there is none.
    """
    from prefect.states import Pending

    async def make() -> tuple[FlowRun, DeploymentResponse]:
        deployment = await _deployment(installation, client, state.runbook)
        made = await client.create_flow_run_from_deployment(
            deployment.id,
            name=run_name(state),
            parameters={"tenant": state.tenant, "mode": state.mode, **state.params},
            tags=[f"{RUN_TAG}{state.run_id}", f"tenant:{state.tenant}", f"mode:{state.mode}"],
            idempotency_key=f"{state.run_id}-act",
            state=Pending(),
        )
        await _bind(installation, state, made.id)
        return made, deployment

    return await patiently(make, PATIENCE)


async def _created(client: PrefectClient, deployment: UUID, state: RunState) -> UUID:
    made = await client.create_flow_run_from_deployment(
        deployment,
        name=run_name(state),
        parameters={"tenant": state.tenant, "mode": state.mode, **state.params},
        tags=[f"{RUN_TAG}{state.run_id}", f"tenant:{state.tenant}", f"mode:{state.mode}"],
        idempotency_key=f"{state.run_id}-{state.attempt}",
    )
    if made.state is None or not made.state.is_scheduled():
        # Of an earlier try with the same key, which somebody has taken already or ended.
        from prefect.states import Scheduled

        await client.set_flow_run_state(made.id, Scheduled(name="Resuming"), force=True)
    return made.id


async def _deployment(installation: Installation, client: PrefectClient, runbook: str) -> DeploymentResponse:
    """The runbook's deployment; registered first where there is none."""
    from prefect.exceptions import ObjectNotFound

    from flows.deployments import NAME, register

    try:
        return await client.read_deployment_by_name(f"{runbook}/{NAME}")
    except ObjectNotFound:
        return await client.read_deployment((await register(installation, client))[runbook])


async def _bind(installation: Installation, state: RunState, flow_run_id: UUID) -> None:
    def work() -> None:
        if not bound(installation.journal.records(state.run_id), flow_run_id):
            bind(installation.journal, state, flow_run_id)

    await asyncio.to_thread(work)


def _watch(
    installation: Installation, begun: RunState, child: subprocess.Popen[bytes] | None, follow: Follow | None
) -> RunState:
    """Follow the record until the run ends, waits for a person, is paused, or its process is gone.

    Args:
        begun: as it was before it was scheduled: an attempt that began since is the one to follow.
    """
    run_id, attempts = begun.run_id, begun.attempt
    records = installation.journal.records(run_id)
    state = fold(records)
    if follow is not None:
        for record in records[begun.journal_size + 1 :]:  # all but the first, which `journal_size` does not count
            follow(state, record)
    deadline = time.monotonic() + _COMES_BACK
    gone_at: float | None = None
    while True:
        # Only what is new: a long run would otherwise be opened and folded ten times a second.
        fresh = installation.journal.records(run_id, after=records[-1].entry.seq)
        for record in fresh:
            state.apply(record)
            if follow is not None:
                follow(state, record)
        records = fresh or records
        if state.ended is not None or (state.attempt > attempts and state.stopped is not None):
            if child is not None:
                _let_end(child)
            return state
        if child is not None and child.poll() is not None:
            return state  # its process ended without a word: interrupted
        if child is None:
            live = installation.journal.live(run_id)
            gone_at = None if live or state.attempt == attempts else gone_at or time.monotonic()
            if gone_at is not None and time.monotonic() - gone_at > 5:
                return state
            if not live and state.attempt == attempts and time.monotonic() > deadline:
                return state  # the service did not take it up; it may yet
        if follow is not None:
            follow(state, None)
        time.sleep(_LOOK)


def _let_end(child: subprocess.Popen[bytes], seconds: float = 30.0) -> None:
    """Let the flow tell Prefect how it ended."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(seconds)


def nudge(installation: Installation, run_id: str) -> bool:
    """After an answer given elsewhere: let a waiting run go on by itself, if a service runs here that can do it.

    Returns:
        whether somebody carries the run on.
    """
    running = find(installation.home)
    if running is None or not running.dispatching:
        return False
    use(running.environment(installation.home))
    state = installation.state(run_id)
    if state.status(live=installation.journal.live(state.run_id)) is not Status.WAITING:
        return False
    asyncio.run(schedule(installation, state))
    return True


def undo(installation: Installation, run_id: str, *, step: str | None, by: Mapping[str, Any]) -> RunState:
    """Put back what the run changed. Directly, without Prefect: an undo must work when little else does."""
    state = installation.state(run_id)
    if state.mode == "plan":
        raise Conflict("a plan changed nothing", remedy="There is nothing to undo.")

    async def work() -> RunState:
        async with access_of(installation, state.tenant, state.mode, state.params) as access:
            return await Engine(installation.surroundings(), access).undo(state.run_id, step=step, by=by)

    return asyncio.run(work())


def cancel(installation: Installation, run_id: str, *, by: Mapping[str, Any]) -> RunState:
    """Ask whoever executes the run to stop before its next effect; end it here when nobody does."""
    from tenantry.journal import Event, LeaseHeld

    state = installation.state(run_id)
    if state.ended is not None:
        return state

    async def work() -> RunState:
        async with access_of(installation, state.tenant, state.mode, state.params) as access:
            return await Engine(installation.surroundings(), access).cancel(state.run_id, by=by, wait=False)

    try:
        return asyncio.run(work())
    except LeaseHeld:
        event = Event("run.cancel_requested", {"by": dict(by)}, state.run_id, flow=(state.runbook, state.version))
        installation.journal.append(state.tenant, [event])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = installation.state(run_id)
        if state.ended is not None:
            break
        time.sleep(_LOOK)
    return state


__all__ = [
    "Follow",
    "ServerFailed",
    "cancel",
    "claimed",
    "execute",
    "nudge",
    "prepare",
    "resume",
    "schedule",
    "server",
    "start",
    "undo",
]
