"""This machine as a service: the Prefect server, whoever starts the runs that people schedule in its UI, and the pages.

The dispatcher polls for scheduled runs of our deployments once a second and gives each to a tethered child. It also looks
after flow runs that nobody executes any more: one whose process died is marked Crashed and carried on from the record.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from flows.assembly import Installation
from flows.binding import RUN_TAG, bound
from flows.launch import execute
from flows.pages import Pages
from flows.server import EmbeddedServer, Server, ServerFailed, credential, find
from flows.settings import use
from tenantry import tether
from tenantry.errors import Conflict, NotFound, TenantryError
from tenantry.run import RunState, Status, fold

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

_POLL: Final = 1.0
_TROUBLE: Final = 2.0
"""Seconds to wait after Prefect could not be reached."""
_ROUND: Final = 10.0
"""Seconds between two looks at flow runs that nobody executes."""
_SIGN: Final = 600.0
"""Seconds between two signings of the whole record. Runs sign their client's by themselves when they end."""
_AGAIN: Final = (0.0, 30.0, 300.0)
"""Seconds to wait before an interrupted run is carried on by itself the first, second, third time; then a person decides."""


@dataclass(slots=True)
class _Revival:
    times: int = 0
    not_before: float = 0.0


class Dispatcher:
    """Starts scheduled runs of our deployments, each in a child of its own."""

    def __init__(self, installation: Installation, server: Server) -> None:
        self._installation = installation
        self._server = server
        self._children: dict[UUID, subprocess.Popen[bytes]] = {}
        self._revivals: dict[str, _Revival] = {}
        self._looked = 0.0

    async def serve(self) -> None:
        """Until cancelled; then the children are ended, and their runs can be resumed."""
        from prefect import get_client

        from flows.deployments import register

        registered = False
        try:
            while True:
                try:
                    async with get_client() as client:
                        if not registered:
                            await register(self._installation, client)
                            registered = True
                        while True:
                            await self._pass(client)
                            await asyncio.sleep(_POLL)
                except Exception as problem:  # noqa: BLE001  # the server is away, or ails: runs go on, and it comes back
                    _say(f"Prefect could not be asked for scheduled runs: {type(problem).__name__}")
                    await asyncio.sleep(_TROUBLE)
        finally:
            for child in self._children.values():
                if child.poll() is None:
                    child.terminate()
            await asyncio.gather(*(asyncio.to_thread(tether.stop, child) for child in self._children.values()))

    async def _pass(self, client: PrefectClient) -> None:
        from flows.deployments import POOL

        self._reap()
        due = await client.get_scheduled_flow_runs_for_work_pool(POOL, scheduled_before=datetime.now(UTC))
        for found in due:
            await self._begin(client, found.flow_run)
        if time.monotonic() - self._looked >= _ROUND:
            self._looked = time.monotonic()
            await self._look_after(client)

    async def _begin(self, client: PrefectClient, flow_run: FlowRun) -> None:
        from prefect.states import Pending

        if flow_run.id in self._children:
            return  # a resumed run's first process is still ending
        await client.set_flow_run_state(flow_run.id, Pending())
        self._children[flow_run.id] = execute(self._installation, self._server, flow_run.id)

    def _reap(self) -> None:
        for flow_run_id, child in list(self._children.items()):
            if child.poll() is not None:
                tether.stop(child)
                del self._children[flow_run_id]
                if child.returncode != 0:
                    self._looked = 0.0  # it did not end by itself: look at once

    async def _look_after(self, client: PrefectClient) -> None:
        """Flow runs that should be executed, and are not."""
        from prefect.client.schemas.filters import (
            FlowRunFilter,
            FlowRunFilterState,
            FlowRunFilterStateType,
            WorkPoolFilter,
            WorkPoolFilterName,
        )
        from prefect.client.schemas.objects import StateType
        from prefect.client.schemas.sorting import FlowRunSort

        from flows.deployments import POOL

        stuck = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
        flow_runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=stuck))),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])),
            sort=FlowRunSort.ID_DESC,
            limit=200,
        )
        for flow_run in flow_runs:
            if flow_run.state is not None and flow_run.state.type is StateType.CANCELLING:
                await self._cancel(client, flow_run)
            elif flow_run.id not in self._children:
                await self._revive(client, flow_run)

    async def _cancel(self, client: PrefectClient, flow_run: FlowRun) -> None:
        """Somebody pressed Cancel in Prefect: its process ends. That is no decision about the run, which has no name to it:
        the record says interrupted, and `tenantry resume` or `tenantry cancel` go on from there."""
        from prefect.states import Cancelled

        child = self._children.pop(flow_run.id, None)
        if child is not None:
            await asyncio.to_thread(tether.stop, child)
        message = "the process was ended; `tenantry cancel` ends the run, `tenantry resume` goes on with it"
        await client.set_flow_run_state(flow_run.id, Cancelled(message=message), force=True)

    async def _revive(self, client: PrefectClient, flow_run: FlowRun) -> None:
        """Its process is gone: say so, and carry the run on."""
        from prefect.states import Crashed, Scheduled

        state = await asyncio.to_thread(self._run_of, flow_run)
        if state is not None and self._installation.journal.live(state.run_id):
            return  # somebody else executes it: a command, or another machine
        if state is None and _age(flow_run) < _ROUND:
            return  # somebody is just beginning it
        message = "its process ended without a word; nothing is lost"
        await client.set_flow_run_state(flow_run.id, Crashed(message=message), force=True)
        if state is None or state.status(live=False) is not Status.INTERRUPTED:
            return
        revival = self._revivals.setdefault(state.run_id, _Revival())
        if revival.times >= len(_AGAIN):
            _say(
                f"run {state.run_id} was interrupted again and again; `tenantry resume {state.run_id}` goes on with it"
            )
            return
        wait = _AGAIN[revival.times]
        revival.times += 1
        _say(f"run {state.run_id} was interrupted; it goes on" + (f" in {wait:g} s" if wait else ""))
        at = datetime.fromtimestamp(time.time() + wait, UTC)
        await client.set_flow_run_state(flow_run.id, Scheduled(name="Resuming", scheduled_time=at), force=True)

    def _run_of(self, flow_run: FlowRun) -> RunState | None:
        """The run that the record ties to a flow run."""
        tagged = next((tag.removeprefix(RUN_TAG) for tag in flow_run.tags if tag.startswith(RUN_TAG)), str(flow_run.id))
        journal = self._installation.journal
        try:
            records = journal.records(journal.run(tagged).run_id)
        except NotFound:
            return None
        return fold(records) if bound(records, flow_run.id) else None


def _age(flow_run: FlowRun) -> float:
    """Seconds since its state was set."""
    if flow_run.state is None or flow_run.state.timestamp is None:
        return 0.0
    return (datetime.now(UTC) - flow_run.state.timestamp).total_seconds()


async def _keep_up(embedded: EmbeddedServer) -> None:
    """Start the server again when it ended: at the same address, so that every run and every page finds it again."""
    while True:
        await asyncio.sleep(_POLL)
        process = embedded.process
        if process is not None and process.poll() is not None:
            _say(f"the Prefect server ended with code {process.returncode}; starting it again")
            try:
                await asyncio.to_thread(embedded.restart)
            except ServerFailed as error:
                _say(error.message)
                await asyncio.sleep(_TROUBLE)


async def _sign(installation: Installation) -> None:
    """Sign what grew, and have it time-stamped where the estate has an authority."""
    while True:
        await asyncio.sleep(_SIGN)
        try:
            for stored in await asyncio.to_thread(installation.ledger.checkpoint_all):
                await installation.anchor(stored)
        except TenantryError as error:
            # Whatever it is, the runs go on; what was not signed is signed next time, and `journal verify` says what is wrong.
            _say(f"the record could not be signed: {error.message} {error.remedy}")


def up(
    installation: Installation,
    *,
    port: int | None = None,
    ready: Callable[[Server, str], None],
    until: asyncio.Event | None = None,
) -> None:
    """Server, dispatcher and pages, until SIGINT, SIGTERM or ``until``; then all of it ends, and runs can be resumed.

    Args:
        port: of the server; a free one when None. Loopback only.
        ready: called with the server and the address of the pages once the server answers.

    Raises:
        Conflict: it runs already.
        ServerFailed.
    """
    running = find(installation.home)
    if running is not None:
        raise Conflict(f"a server runs for this home already at {running.url}", remedy="Use it, or stop it first.")
    pages = Pages(installation.home, credential(installation.home))
    with EmbeddedServer(installation.home, port=port, dispatching=True, pages=pages.url) as embedded:
        server = embedded.start()
        use(server.environment(installation.home))
        ready(server, pages.url)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(
                _serve(installation, Dispatcher(installation, server), embedded, pages, until or asyncio.Event())
            )


async def _serve(
    installation: Installation, dispatcher: Dispatcher, embedded: EmbeddedServer, pages: Pages, until: asyncio.Event
) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, ValueError):  # not on Windows, not outside the main thread
            loop.add_signal_handler(number, until.set)
    parts = [
        asyncio.create_task(part)
        for part in (dispatcher.serve(), _keep_up(embedded), _sign(installation), pages.serve())
    ]
    ended = asyncio.create_task(until.wait())
    await asyncio.wait([ended, *parts], return_when=asyncio.FIRST_COMPLETED)
    pages.stop()
    for task in (ended, *parts[:3]):
        task.cancel()
    for result in await asyncio.gather(*parts, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


def _say(line: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {line}\n")


__all__ = ["Dispatcher", "up"]
