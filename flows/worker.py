"""A Prefect worker of type ``tenantry``: runs of this installation's runbooks, each in a warm child, begun at once.

A stock worker asks for work every ten seconds and starts an interpreter for each run, which is 4 to 14 s from the alert to the
first line. This one is told by Prefect's event stream that a run was scheduled, claims it, and hands it to a process that has
imported everything (`flows.warm`). Polling goes on behind the events, for those that are missed.

It executes nothing but this installation's own runbooks. Entrypoints come from the list of runbooks; pull steps, commands,
environments and job variables of deployments, pools and runs are not read, whoever wrote them. What is refused, or was asked for
and ignored, stands in the record.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket as sockets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import anyio
from prefect.client.schemas import OrchestrationResult
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse, SetStateStatus, WorkerFlowRunResponse
from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Pending
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from pydantic import PrivateAttr

from flows import admission, launch
from flows.acting import HEAD, HEADS, Head, Heads
from flows.api import errors
from flows.assembly import Installation
from flows.deployments import POOL, POOL_TYPE
from flows.execute import refuse
from flows.related import related
from flows.runbook_files import fingerprint
from flows.warm import Warm, WarmChild
from tenantry import dumps, room
from tenantry.broker import Supervisor
from tenantry.errors import OutOfScope, RecordError, TenantryError
from tenantry.run import RunState

_LOG: Final = logging.getLogger(__name__)
POLL: Final = 2.0
"""Seconds between two questions for scheduled runs, for those whose event was missed."""
SIZE: Final = 3
"""Children that wait. Each is some 30 MB of its own, half of which it has from its rehearsal (`flows.rehearsal`)."""
LIMIT: Final = 32
"""Runs that are executed at once. More wait in Prefect's queue; a run that waits for a person is none of them."""
_HEARTBEAT: Final = 30
_CANCELLED: Final = 10.0
"""Seconds between two questions for runs to be cancelled, for those whose event was missed."""
_SCHEDULED: Final = "prefect.flow-run.Scheduled"
_CANCELLING: Final = "prefect.flow-run.Cancelling"
_TROUBLE: Final = 2.0
_ACTING: Final = 20.0
"""Seconds for a child to be there for a run that an alert began; then Prefect's queue has it."""
_STARTING: Final = 90.0
"""Seconds for a child to be ready, on a slow machine that has just begun."""
_STILL_ENDING: Final = 10.0
"""Seconds for a run's last process to say that it is done, when the run is scheduled again."""


class TenantryJobConfiguration(BaseJobConfiguration):
    """Nothing can be configured for a job: what would be, is not read."""

    _reserved: None = PrivateAttr(default=None)


class TenantryVariables(BaseVariables):
    """Prefect's form of a pool shows the base fields; none of them has any effect here."""


class TenantryWorkerResult(BaseWorkerResult):
    """How the child of one run ended: its process id, and its exit code (minus the signal that killed it)."""


class TenantryWorker(BaseWorker[TenantryJobConfiguration, TenantryVariables, TenantryWorkerResult]):
    """Carries scheduled runs of a work pool.

    Args:
        work_pool_name: whose runs.
        installation: whose runbooks; that of ``TENANTRY_HOME`` when None.
        supervisor: makes the grants with which children get secrets from the vault broker; None where there is no broker, and
            each child opens the vault by itself.
        size: how many warm children wait.
        grace: seconds that a cancelled run's process has to end by itself; the estate's when None.
        more: Prefect's own arguments of a worker.
    """

    type = POOL_TYPE
    job_configuration = TenantryJobConfiguration
    job_configuration_variables = TenantryVariables
    _description = (
        "Execute Tenantry's runbooks, each in a warm process. Nothing else, and nothing about it can be configured."
    )
    _display_name = "Tenantry"

    def __init__(
        self,
        work_pool_name: str = POOL,
        *args: Any,
        installation: Installation | None = None,
        supervisor: Supervisor | None = None,
        size: int = SIZE,
        grace: float | None = None,
        **more: Any,
    ) -> None:
        given = {name: value for name, value in more.items() if value is not None}  # `prefect worker start` says None
        more = {"limit": LIMIT, "name": f"tenantry {sockets.gethostname()}", **given}
        more |= {"prefetch_seconds": 0.0}  # a run that is not due is not taken
        more["heartbeat_interval_seconds"] = more.get("heartbeat_interval_seconds") or _HEARTBEAT
        super().__init__(work_pool_name, *args, **more)
        self._installation = installation or Installation.open()
        self._supervisor = supervisor
        self.on_interrupted: Callable[[], None] = lambda: None
        """Called when a child died without a word."""
        self._loaded = ""
        self._children: dict[UUID, WarmChild] = {}
        self._taking: set[UUID] = set()
        self._grace = self._installation.estate.service.cancel_grace_seconds if grace is None else grace
        self._stopping: dict[UUID, str | None] = {}
        self._runs: dict[UUID, str] = {}
        self._heads = Heads()
        home = self._installation.home
        self._warm = Warm(size, {**os.environ, "TENANTRY_HOME": str(home.path)}, home.run / "worker.log")
        self._admission = admission.Admission(self._installation)

    # --- life ---------------------------------------------------------------------------------------------------------

    async def setup(self) -> None:
        """As every worker; and the children begin to warm up."""
        self._loaded = fingerprint(self._installation.home)
        dumps.forbid()  # it may have been started by Prefect's command line
        await self._warm.start()
        await super().setup()

    async def teardown(self, *exc_info: Any) -> None:
        """The children end: what they carry can be resumed."""
        await asyncio.gather(*(child.end() for child in self._children.values()))
        await self._warm.stop()
        await super().teardown(*exc_info)

    async def start(
        self, run_once: bool = False, with_healthcheck: bool = False, printer: Callable[..., None] = print
    ) -> None:
        """Until cancelled. A server that is away for a while ends nothing: the children go on, and so does this."""
        if run_once or with_healthcheck:
            await super().start(run_once, with_healthcheck, printer)
            return
        async with self, anyio.create_task_group() as group:
            group.start_soon(self._repeat, self._sync_and_initialize, float(self.heartbeat_interval_seconds))
            group.start_soon(self._repeat, self.get_and_submit_flow_runs, POLL)
            group.start_soon(self._repeat, self._look_for_cancelled, _CANCELLED)
            group.start_soon(self._listen)
            self._started_event = await self._emit_worker_started_event()
            printer(f"Worker {self.name!r} started!")

    async def _repeat(self, work: Callable[[], Any], every: float) -> None:
        while True:
            pause = every
            try:
                await work()
            except Exception as problem:  # noqa: BLE001  # the server is away, or ails: it comes back, and so do its runs
                if not isinstance(problem, errors()):
                    _LOG.exception("Prefect's server could not be asked")
                else:
                    _LOG.warning("Prefect's server could not be asked: %s", type(problem).__name__)
                pause = _TROUBLE
            await asyncio.sleep(pause)

    async def _listen(self) -> None:
        """Take what Prefect's event stream says was scheduled, and end what it says is to be cancelled, at once."""
        wanted = EventFilter(event=EventNameFilter(name=[_SCHEDULED, _CANCELLING]))
        while True:
            try:
                async with get_events_subscriber(filter=wanted, reconnection_attempts=2) as stream:
                    async for event in stream:
                        self._noticed(event)
            except Exception as problem:  # noqa: BLE001  # as above; until then there is polling
                _LOG.warning("Prefect's events are not heard: %s", type(problem).__name__)
            await asyncio.sleep(_TROUBLE)

    def _noticed(self, event: Event) -> None:
        pool = None if self._work_pool is None else f"prefect.work-pool.{self._work_pool.id}"
        if pool is None or all(related.id != pool for related in event.related) or self._runs_task_group is None:
            return
        with contextlib.suppress(ValueError):
            flow_run_id = UUID(event.resource.id.removeprefix("prefect.flow-run."))
            if event.event == _SCHEDULED:
                self._runs_task_group.start_soon(self._on_scheduled, flow_run_id)
            elif flow_run_id in self._children:
                self._runs_task_group.start_soon(self._on_cancelling, flow_run_id)

    async def _on_cancelling(self, flow_run_id: UUID) -> None:
        try:
            await self.stop(flow_run_id)
        except Exception:  # noqa: BLE001  # the record cannot be written, say: polling asks again, and the others go on
            _LOG.exception("the flow run %s could not be ended", flow_run_id)

    async def _look_for_cancelled(self) -> None:
        """Of those that are carried here, for when the event was missed."""
        carried = list(self._children)
        if carried:
            wanted = FlowRunFilter(
                id=FlowRunFilterId(any_=carried),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLING])),
            )
            found = await self.client.read_flow_runs(flow_run_filter=wanted)
            await asyncio.gather(*(self.stop(flow_run.id) for flow_run in found))

    async def _on_scheduled(self, flow_run_id: UUID) -> None:
        if flow_run_id in self._taking:
            return
        try:
            flow_run = await self.client.read_flow_run(flow_run_id)
        except (errors(), ObjectNotFound):
            return  # polling finds it, if it is there
        due = flow_run.state.state_details.scheduled_time if flow_run.state is not None else None
        if flow_run.state is not None and flow_run.state.is_scheduled() and (due is None or due <= datetime.now(UTC)):
            await self._take(flow_run)

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        """What polling found: missed events, and what waited for a free slot."""
        found = [entry.flow_run for entry in flow_run_response if entry.flow_run.id not in self._taking]
        if self._runs_task_group is not None:
            for flow_run in found:
                self._runs_task_group.start_soon(self._take, flow_run)
        return found

    # --- one run ------------------------------------------------------------------------------------------------------

    async def _take(self, flow_run: FlowRun) -> None:
        """Claim a due flow run and have it carried, unless it is taken already, too many are, or the disk is full: it stays
        scheduled."""
        if flow_run.id in self._taking or not room.enough(self._installation.home.path):
            return
        try:
            self.limiter.acquire_on_behalf_of_nowait(flow_run.id)
        except (anyio.WouldBlock, RuntimeError):
            return  # full, or ours already: it stays scheduled
        self._taking.add(flow_run.id)
        try:
            await self._carry(flow_run)
        except TenantryError as error:
            # Before anything was executed: Prefect says it still, and the next poll, or recovery, finds it.
            _LOG.exception("%s %s", error.message, error.remedy, extra={"flow_run": str(flow_run.id)})
        except (TimeoutError, ObjectNotFound, errors()) as problem:
            # No child was ready in time, or no server: recovery schedules it again, if it is still there.
            _LOG.warning("the flow run %s could not be taken: %s", flow_run.id, type(problem).__name__)
        except Exception:  # noqa: BLE001  # a defect that this run found must not end those that are carried beside it
            _LOG.exception("the flow run %s could not be taken", flow_run.id)
        finally:
            self._taking.discard(flow_run.id)
            self._runs.pop(flow_run.id, None)
            self._release_limit_slot(flow_run.id)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: TenantryJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> TenantryWorkerResult:
        """Carry a flow run that was claimed. ``configuration`` is not read."""
        del configuration
        child = await self._begin(flow_run, None)
        if task_status is not None:
            task_status.started(child.pid)
        return await self._follow(flow_run, child)

    async def _submit_adhoc_run(self, *_: Any, **__: Any) -> None:
        raise OutOfScope("this worker runs the installation's runbooks alone", remedy="Run it elsewhere.")

    async def _carry(self, flow_run: FlowRun) -> None:
        earlier = self._children.get(flow_run.id)
        if earlier is not None:  # answered while its last process was still saying goodbye
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(earlier.done.wait(), _STILL_ENDING)
        answer, deployment = await asyncio.gather(self._claim(flow_run), self._deployment(flow_run))
        if answer.status is not SetStateStatus.ACCEPT:
            return  # another worker was quicker, or it is not due
        try:
            child = await self._begin(flow_run, deployment)
        except TenantryError as error:
            if error.retryable or isinstance(error, RecordError):
                raise
            await asyncio.to_thread(self._admission.record_refusal, flow_run, deployment, error)
            await refuse(flow_run.id, error)
            return
        await self._follow(flow_run, child)

    async def act(self, run_id: str, tenant: str, runbook: str, recorded: Awaitable[bool]) -> None:
        """Have a run carried as soon as it stands in the record, and make its flow run meanwhile (`flows.acting`). Returns when its
        child has ended. Too many at once, or no child in time: Prefect schedules it.

        Args:
            recorded: True once the record has the run; False, or raises: there is none. A child is got ready while it is written.

        Raises:
            TenantryError: it cannot be handed over now; the keeper takes it up.
        """
        own = uuid4()
        head = self._heads.begin()
        try:
            await self._act(own, head, run_id, tenant, runbook, recorded)
        finally:
            head.over()

    async def _act(
        self, own: UUID, head: Head, run_id: str, tenant: str, runbook: str, recorded: Awaitable[bool]
    ) -> None:
        try:
            self.limiter.acquire_on_behalf_of_nowait(own)
        except (anyio.WouldBlock, RuntimeError):
            if await recorded:
                await launch.schedule(self._installation, await self._state(run_id))
            return
        self._runs[own] = run_id
        flow_run: FlowRun | None = None
        try:
            child = await self._acting_child(run_id, tenant, runbook, recorded)
            if child is None:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.acted.wait(), HEAD)
            head.over()
            await self._heads.none_left(HEADS)
            try:
                state = await self._state(run_id)
                flow_run, deployment = await launch.claimed(self._installation, state, self.client)
                self._children[flow_run.id] = child
                known = related(flow_run, state.runbook, deployment, self._work_pool)
                await child.give({"flow_run": flow_run.model_dump(mode="json"), "related": known})
            except (TenantryError, ObjectNotFound, errors()) as problem:
                _LOG.warning("Prefect could not be told of the run %s: %s", run_id, type(problem).__name__)
                await child.give({"flow_run": None})
            if flow_run is not None:
                await self._follow(flow_run, child)
            else:
                await child.gone.wait()
                self.on_interrupted()
        finally:
            self._runs.pop(own, None)
            self._release_limit_slot(own)

    async def _state(self, run_id: str) -> RunState:
        return await asyncio.to_thread(self._installation.state, run_id)

    async def _acting_child(
        self, run_id: str, tenant: str, runbook: str, recorded: Awaitable[bool]
    ) -> WarmChild | None:
        """One that has begun to carry the run. None: there is no such run, or no child was ready in time, and Prefect schedules it."""
        job = {"act": run_id, "runbook": runbook, "tenant": tenant, "mode": "run"}
        readying = asyncio.create_task(self._readied(job))
        there = False
        try:
            there = await recorded
        finally:
            if not there:
                readying.cancel()
                (unused,) = await asyncio.gather(readying, return_exceptions=True)
                if isinstance(unused, WarmChild):
                    unused.dismiss()
        if not there:
            return None
        child = await readying
        while child is not None:
            if await child.give({"recorded": run_id}):
                return child
            child = await self._readied(job)  # it has died since
        await launch.schedule(self._installation, await self._state(run_id))
        return None

    async def _readied(self, job: dict[str, str]) -> WarmChild | None:
        """A child that gets ready for a run, opens what it needs and signs in there, and begins it when it is told that the record has
        the run; None when none was there in time."""
        while True:
            try:
                async with asyncio.timeout(_ACTING):
                    child = await self._warm.take()
            except TimeoutError:
                return None
            try:
                if await child.give(job | await self._grant(job["act"], job["tenant"], child)):
                    return child
            except BaseException:
                child.dismiss()
                raise

    async def _grant(self, run_id: str, tenant: str, child: WarmChild) -> dict[str, str]:
        """What a child gets the run's secrets with."""
        if self._supervisor is None:
            return {}
        token = await asyncio.to_thread(self._supervisor.grant, run_id, tenant, pid=child.pid)
        return {"socket": str(self._installation.home.broker_socket), "token": token.get_secret_value()}

    async def _claim(self, flow_run: FlowRun) -> OrchestrationResult[Any]:
        return await self.client.set_flow_run_state(flow_run.id, Pending())

    async def _deployment(self, flow_run: FlowRun) -> DeploymentResponse | None:
        if flow_run.deployment_id is None:
            return None
        try:
            return await self.client.read_deployment(flow_run.deployment_id)
        except ObjectNotFound:
            return None

    async def _begin(self, flow_run: FlowRun, deployment: DeploymentResponse | None) -> WarmChild:
        """Hand a claimed flow run to a child.

        Raises:
            TenantryError: it may not be run here; or nothing can be run now (retryable).
        """
        deployment = deployment or await self._deployment(flow_run)
        admitted = await asyncio.to_thread(self._admission.admit, flow_run, deployment)
        self._runs[flow_run.id] = admitted.run_id
        present = fingerprint(self._installation.home)
        if present != self._loaded:
            self._loaded = present
            self._warm.renew()
        job: dict[str, Any] = {
            "flow_run": flow_run.model_dump(mode="json"),
            "runbook": admitted.runbook,
            "related": related(flow_run, admitted.runbook, deployment, self._work_pool),
        }
        while True:
            async with asyncio.timeout(_STARTING):
                child = await self._warm.take()
            if await child.give(job | await self._grant(admitted.run_id, admitted.tenant, child)):
                self._children[flow_run.id] = child
                return child

    async def _follow(self, flow_run: FlowRun, child: WarmChild) -> TenantryWorkerResult:
        """Until the child has ended; what it could not say itself is said here."""
        logger = self.get_flow_run_logger(flow_run)
        try:
            await child.gone.wait()
        finally:
            if self._children.get(flow_run.id) is child:
                del self._children[flow_run.id]
        if child.reported is None and flow_run.id not in self._stopping:
            code = await self._warm.exit_code(child)
            told = f"killed by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
            logger.error("The process of this run was %s; the run goes on from its record.", told)
            await self._propose_crashed_state(flow_run, f"its process was {told}; nothing is lost")
            self.on_interrupted()
        return TenantryWorkerResult(identifier=str(child.pid), status_code=child.reported or 0)

    async def stop(self, flow_run_id: UUID) -> None:
        """Somebody pressed Cancel in Prefect: its process ends. That is no decision about the run, which has no name to it:
        the record says interrupted, and `tenantry resume` or `tenantry cancel` go on from there."""
        if flow_run_id in self._stopping:
            return  # told by an event already, and found again by polling
        # Until the record says so nobody may take it for one whose process died.
        self._stopping[flow_run_id] = self._runs.get(flow_run_id)
        try:
            child = self._children.get(flow_run_id)
            if child is not None:
                await child.end(self._grace)
                # Until somebody has waited for it, it looks as if it still carried its run.
                await self._warm.exit_code(child)
            if not await asyncio.to_thread(self._admission.halted, flow_run_id):
                return  # it is another worker's to end
        finally:
            del self._stopping[flow_run_id]
        message = "the process was ended; `tenantry cancel` ends the run, `tenantry resume` goes on with it"
        with contextlib.suppress(errors(), ObjectNotFound):
            await self.client.set_flow_run_state(flow_run_id, Cancelled(message=message), force=True)

    @property
    def busy(self) -> frozenset[UUID]:
        """Flow runs that are taken or executed here now."""
        return frozenset(self._children) | frozenset(self._taking)

    @property
    def runs(self) -> frozenset[str]:
        """The runs of these."""
        return frozenset(run for run in (*self._runs.values(), *self._stopping.values()) if run is not None)


__all__ = ["LIMIT", "POLL", "SIZE", "TenantryWorker"]
