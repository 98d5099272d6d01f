"""Runs that nobody carries any more are found and carried on; and Prefect is kept saying what the record says.

The record knows which runs an attempt began that nobody ended, and whether a living process owns them. One whose process or
machine died is taken up again by itself, sooner or later according to how often that was needed, and a fixed number of times:
then the record says that it stays interrupted until a person resumes it. Runs that wait are looked at when somebody answered
and when their question expires.

Where several machines run workers over one record, one of them does this: the holder of a lease like that of a run. What it decides is
appended under that lease, so one that slept while another took over decides nothing more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import UUID

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed, Scheduled

from flows import launch
from flows.api import errors
from flows.assembly import Installation
from flows.backup_alerts import Impossible
from flows.binding import bound
from flows.body import final, named
from flows.deployments import POOL, register
from flows.expiring import Expiring
from flows.pulling import PULLS
from flows.rotating import Rotating
from flows.runbook_files import fingerprint
from flows.sweep_schedule import BACKUPS, COMPLIANCE, Sweeps
from flows.telling import IncidentUpdates
from flows.updating import Updates
from tenantry import room
from tenantry.errors import LeaseLost, NotFound, RecordError, TenantryError
from tenantry.journal import MSP, Event, Fence, LeaseHeld, Unsettled
from tenantry.run import RunState, Status, fold

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

_LOG: Final = logging.getLogger(__name__)
ROUND: Final = 3.0
"""Seconds between two looks at the record."""
_PREFECT_ROUND: Final = 10.0
"""Seconds between two looks at flow runs that Prefect shows as executed."""
_QUEUE: Final = 5.0
"""Seconds for which it counts that Prefect said a flow run was still to be taken."""
_PAGE: Final = 200
_REGISTER: Final = 60.0
"""Seconds after which deployments are registered anew, whatever changed: somebody may have written over them."""
_BEGINNING: Final = 20.0
"""Seconds that whoever recorded a run, or claimed a flow run, has to begin it."""
PAUSES: Final = (0.0, 2.0, 5.0, 10.0, 20.0)
"""Seconds before a run is taken up again the first, second … time that it died without settling a step in between."""
_OLD: Final = timedelta(hours=24)
"""A run that was left longer than this is not taken up by itself: the world has moved on, and a person decides."""
_DUE: Final = 60.0
"""Seconds between two looks at what the installation begins by itself."""
_ASKED: Final = 20.0
"""Seconds in which a run that was scheduled is not scheduled again, unless an attempt began meanwhile."""
_ANSWERED: Final = 3.0
"""Seconds that whoever took an answer has to let the run go on."""
_LEASE: Final = "(keeper)"


class Busy(Protocol):
    """What the keeper asks the worker beside it."""

    @property
    def busy(self) -> Iterable[UUID]:
        """Flow runs that are in its hands."""
        ...

    @property
    def runs(self) -> Iterable[str]:
        """The runs of these."""
        ...

    async def stop(self, flow_run_id: UUID) -> None:
        """End the flow run's process if it is here, and, unless it is elsewhere, say in Prefect that it was cancelled."""
        ...


class Keeper:
    """One beside each worker; one of them acts.

    Args:
        installation: whose runs.
        worker: the worker of this process.
    """

    def __init__(self, installation: Installation, worker: Busy) -> None:
        self._installation = installation
        self._worker = worker
        self._woken = asyncio.Event()
        self._fence: Fence | None = None
        self._other = ""
        self._asked: dict[str, tuple[float, int]] = {}
        """When each run was scheduled last, and how many attempts it had had then."""
        self._revived: dict[UUID, int] = {}
        self._registered: tuple[str, float] = ("", 0.0)
        self._looked = 0.0
        self._rotating = Rotating(installation, self._schedule)
        self._expiring = Expiring(installation, self._schedule)
        self._sweeps = Sweeps(installation, self._schedule)
        self._compliance = Sweeps(installation, self._schedule, COMPLIANCE)
        self._backups = Sweeps(installation, self._schedule, BACKUPS)
        self._impossible = Impossible(installation)
        self._updates = Updates(installation, self._schedule)
        self._telling = IncidentUpdates(installation, self._schedule)
        self._pulls = Sweeps(installation, self._schedule, PULLS)
        self._queue: tuple[frozenset[str], float] = (frozenset(), -_QUEUE)

    def look(self) -> None:
        """Look now: somebody died."""
        self._woken.set()

    async def serve(self) -> None:
        """Until cancelled. What fails is tried again in the next round."""
        due = [
            asyncio.create_task(self._due("credentials", self._rotating.look)),
            asyncio.create_task(self._due("reminders of credentials", self._expiring.look)),
            asyncio.create_task(self._due("sweeps", self._sweeps.look)),
            asyncio.create_task(self._due("compliance sweeps", self._compliance.look)),
            asyncio.create_task(self._due("checks of backups", self._backups.look)),
            asyncio.create_task(self._due("alerts of backups", self._impossible.look)),
            asyncio.create_task(self._due("updates", self._updates.look)),
            asyncio.create_task(self._due("updates on incidents", self._telling.look)),
            asyncio.create_task(self._due("alerts", self._pulls.look)),
        ]
        try:
            while True:
                self._woken.clear()
                try:
                    if await asyncio.to_thread(self._chosen):
                        async with get_client() as client:
                            await self._round(client)
                except (TenantryError, errors()) as problem:
                    _LOG.warning("runs could not be looked after: %s", _told(problem))
                except Exception:  # noqa: BLE001  # a defect here must not end the runs that are carried beside it
                    _LOG.exception("runs could not be looked after")
                await self._rest()
        finally:
            for one in due:
                one.cancel()
            await asyncio.gather(*due, return_exceptions=True)
            if self._fence is not None:
                await asyncio.to_thread(self._installation.journal.release, self._fence)

    async def _due(self, what: str, look: Callable[[], Awaitable[object]]) -> None:
        """What the installation begins by itself, beside the rounds and each for itself: every client's file and secret store is asked,
        and answers when it does. Runs that died wait neither for that nor for what is wrong with a file."""
        while True:
            if self._fence is None:  # not chosen yet, or another one is
                await asyncio.sleep(ROUND)
                continue
            try:
                await look()
            except (TenantryError, errors()) as problem:
                _LOG.warning("which %s are due could not be looked at: %s", what, _told(problem))
            except Exception:  # noqa: BLE001  # as above
                _LOG.exception("which %s are due could not be looked at", what)
            seen = self._estate()
            for _ in range(round(_DUE / ROUND)):
                await asyncio.sleep(ROUND)
                if self._estate() != seen:
                    break

    def _estate(self) -> int:
        """Changes with estate.yaml: who switches something on there need not wait for it to be looked at."""
        try:
            return self._installation.home.estate.stat().st_mtime_ns
        except OSError:  # there is none, or not now
            return 0

    async def _rest(self) -> None:
        """Until the next look is due, or somebody died."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ROUND):
                await self._woken.wait()

    def _chosen(self) -> bool:
        """Whether this is the one that acts."""
        journal = self._installation.journal
        try:
            if self._fence is not None:
                journal.renew(self._fence)
            else:
                self._fence = journal.acquire(_LEASE).fence
        except LeaseHeld as held:
            if held.owner != self._other:
                _LOG.info("another process looks after the runs: %s", held.owner)
                self._other = held.owner
            return False
        except LeaseLost:
            self._fence = None
            return False
        return True

    async def _round(self, client: PrefectClient) -> None:
        await self._keep_registered(client)
        unsettled = await asyncio.to_thread(self._installation.journal.unsettled)
        left = [run for run in unsettled if not run.live and run.run_id not in self._worker.runs]
        if left and not room.enough(self._installation.home.path):
            return  # as below; the service says that the disk is full
        if left:
            # Taking a run up is counted: not when it is known beforehand that nothing can take it.
            problem = await client.api_healthcheck()
            if problem is not None:
                raise problem
        for run in left:
            await self._settle(client, run)
        if time.monotonic() - self._looked >= _PREFECT_ROUND:
            self._looked = time.monotonic()
            await self._look_after(client)

    async def _keep_registered(self, client: PrefectClient) -> None:
        tenants = await asyncio.to_thread(self._installation.tenants.names)
        present = f"{fingerprint(self._installation.home)} {' '.join(tenants)}"
        known, at = self._registered
        if present == known and time.monotonic() - at < _REGISTER:
            return
        with Installation.open(self._installation.home) as fresh:  # runbooks may have been edited
            await register(fresh, client)
        self._registered = (present, time.monotonic())

    # --- by the record ------------------------------------------------------------------------------------------------

    async def _settle(self, client: PrefectClient, run: Unsettled) -> None:
        state = await asyncio.to_thread(self._installation.state, run.run_id)
        if state.erased:
            return  # never carried on: what it did is not known well enough
        if run.standing != "waiting_for_approval" and (state.ended or state.stopped) is not None:
            return  # since it was looked up, somebody settled it: cancelled in Prefect, say
        if run.standing == "waiting_for_approval":
            if state.tenant == MSP:
                return
            if run.overdue is not None and run.overdue >= _ANSWERED and not self._just_asked(state):
                await self._schedule(state)
            return
        now = self._installation.journal.clock.now()
        if run.standing == "created" and (now - run.created_at).total_seconds() < _BEGINNING:
            return
        if state.tenant == MSP:
            await self._give_up(client, state, "a run of the estate's own is carried by a command")
            return
        if now - (state.last_entry_at or state.created_at) > _OLD:
            await self._give_up(client, state, "it was left for longer than a day")
            return
        if state.recovered_at is not None:
            begun = state.begun_at is not None and state.begun_at > state.recovered_at
            pause = PAUSES[min(state.recoveries, len(PAUSES) - 1)]
            # By the record, so that it counts for whoever looked after the runs a moment ago as well.
            if (now - state.recovered_at).total_seconds() < (pause if begun else _ASKED):
                return
        else:
            begun = state.begun_at is not None
        if not begun and state.run_id in await self._queued(client):
            return  # it has not died: no worker has come to it yet
        if state.recoveries >= len(PAUSES):
            await self._give_up(client, state, f"it was taken up {state.recoveries} times, and died each time")
            return
        why = "never begun" if run.standing == "created" else "its process died"
        _LOG.warning("%s; it is taken up again", why, extra={"run": state.run_id, "tenant": state.tenant})
        await self._append(state, Event("run.recovered", {"why": why, "number": state.recoveries + 1}))
        await self._crashed(client, state, "its process ended without a word; it goes on from its record")
        await self._schedule(state)

    async def _queued(self, client: PrefectClient) -> frozenset[str]:
        """Runs whose flow runs wait for a worker, as Prefect said a moment ago. In a burst there are many."""
        names, at = self._queue
        if time.monotonic() - at >= _QUEUE:
            names = frozenset([named(flow_run) or str(flow_run.id) async for flow_run in self._scheduled(client)])
            self._queue = names, time.monotonic()
        return names

    @staticmethod
    async def _scheduled(client: PrefectClient) -> AsyncIterator[FlowRun]:
        offset = 0
        while True:
            page = await client.read_flow_runs(
                flow_run_filter=FlowRunFilter(
                    state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
                ),
                work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])),
                sort=FlowRunSort.EXPECTED_START_TIME_ASC,
                limit=_PAGE,
                offset=offset,
            )
            for flow_run in page:
                yield flow_run
            if len(page) < _PAGE:
                return
            offset += len(page)

    async def _give_up(self, client: PrefectClient, state: RunState, why: str) -> None:
        """Say that it stays interrupted until a person resumes it."""
        _LOG.error("%s: `tenantry resume` goes on with it", why, extra={"run": state.run_id, "tenant": state.tenant})
        status = Status.INTERRUPTED.value
        await self._append(state, Event("run.stopped", {"status": status, "why": why}, outcome=status))
        await self._crashed(client, state, f"{why}; `tenantry resume {state.run_id}` goes on with it")

    async def _append(self, state: RunState, event: Event) -> None:
        flow = (state.runbook, state.version)
        whole = Event(event.event, event.payload, state.run_id, None, state.attempt, event.outcome, flow)
        await asyncio.to_thread(self._installation.journal.append, state.tenant, [whole], fence=self._fence)

    async def _schedule(self, state: RunState) -> None:
        self._asked[state.run_id] = (time.monotonic(), state.attempt)
        await launch.schedule(self._installation, state, patience=_ASKED / 2)

    def _just_asked(self, state: RunState) -> bool:
        """Whether it was scheduled just now, and nobody has begun it since: a run that went on and waits again may be answered at once."""
        now = time.monotonic()
        self._asked = {run: asked for run, asked in self._asked.items() if now - asked[0] < _ASKED}
        return self._asked.get(state.run_id, (now, -1))[1] == state.attempt

    @staticmethod
    async def _crashed(client: PrefectClient, state: RunState, message: str) -> None:
        """Show it in Prefect, where it may say Running for ever."""
        if state.flow_run_id is None:
            return
        try:
            await client.set_flow_run_state(UUID(state.flow_run_id), Crashed(message=message), force=True)
        except ObjectNotFound:
            return  # Prefect has forgotten it; a new flow run takes its place

    # --- by Prefect ---------------------------------------------------------------------------------------------------

    async def _look_after(self, client: PrefectClient) -> None:
        """Flow runs that Prefect shows as executed, and nobody executes."""
        stuck = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
        flow_runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=stuck))),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=200,
        )
        busy = frozenset(self._worker.busy)
        for flow_run in flow_runs:
            if flow_run.state is not None and flow_run.state.type is StateType.CANCELLING:
                await self._worker.stop(flow_run.id)
            elif flow_run.id not in busy and _age(flow_run) >= _BEGINNING:
                await self._straighten(client, flow_run)

    async def _straighten(self, client: PrefectClient, flow_run: FlowRun) -> None:
        state = await asyncio.to_thread(self._run_of, flow_run)
        if state is None:
            # Claimed, and its process died before the record knew of it. Nothing was done.
            self._revived[flow_run.id] = self._revived.get(flow_run.id, 0) + 1
            again = self._revived[flow_run.id] <= len(PAUSES)
            new: State[Any] = Scheduled(name="Resuming") if again else Crashed(message="it could not be begun")
            await client.set_flow_run_state(flow_run.id, new, force=True)
        elif self._installation.journal.live(state.run_id) or self._just_asked(state):
            return
        elif state.ended is not None or state.stopped is Status.PAUSED:
            await client.set_flow_run_state(flow_run.id, final(state), force=True)
        elif state.stopped is Status.WAITING:
            await self._schedule(state)  # its process died before the form stood

    def _run_of(self, flow_run: FlowRun) -> RunState | None:
        """The run that the record ties to a flow run."""
        journal = self._installation.journal
        try:
            records = journal.records(journal.run(named(flow_run) or str(flow_run.id)).run_id)
        except NotFound:
            return None
        return fold(records) if bound(records, flow_run.id) else None


def _age(flow_run: FlowRun) -> float:
    """Seconds since its state was set."""
    if flow_run.state is None or flow_run.state.timestamp is None:
        return 0.0
    return (datetime.now(UTC) - flow_run.state.timestamp).total_seconds()


def _told(problem: BaseException) -> str:
    if isinstance(problem, RecordError):
        return f"{problem.message} {problem.remedy}"
    return problem.message if isinstance(problem, TenantryError) else type(problem).__name__


__all__ = ["PAUSES", "ROUND", "Keeper"]
