"""What every runbook's flow does: carry the run through the engine, ask people through the Prefect UI, show what happened.

The journal decides everything; Prefect shows it. A flow run that is executed again (resumed, retried, on another machine)
starts from the top, and the engine skips what the record says is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

from prefect import get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.context import AsyncClientContext, FlowRunContext
from prefect.logging import get_logger, get_run_logger
from prefect.states import Completed, Failed

from flows import artifacts, asking
from flows.acting import ACTING
from flows.assembly import Installation
from flows.binding import RUN_TAG, bound, run_name
from flows.graph import PrefectSteps
from flows.knowing import Knowing
from flows.pinning import pinned
from tenantry.errors import InvalidInput, NotFound, OutOfScope, Refused, TaskDefect
from tenantry.journal import Record
from tenantry.run import Engine, RunState, Status, create, fold
from tenantry.runbook import validate_params

AHEAD: ContextVar[Installation | None] = ContextVar("flows.body.AHEAD", default=None)
"""The installation that a process opened before it had a run: a warm child, or whoever looked into the record first."""
_BINDING: Final = 2.0
"""Seconds between the creation of a flow run and the entry that ties it to a run, at most."""
_LOOK: Final = 0.01
_NAMING: Final = 20.0
"""Seconds, at most, that a run's end waits for its name in Prefect."""


async def carry(runbook_id: str, parameters: Mapping[str, Any]) -> State[Any]:
    """The body of a runbook's flow.

    Args:
        parameters: the flow's: ``tenant``, ``mode``, ``requested_by``, and the runbook's own. They count when the run
            begins; afterwards the record has them.

    Returns:
        a Prefect state named after the run's status. It is Completed only when the run is.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise TaskDefect("a runbook's flow was called outside of a flow run")
    with _opened() as installation:
        try:
            # In a thread: it reads and may wait.
            state = await asyncio.to_thread(begin, installation, runbook_id, parameters, context.flow_run)
        except (InvalidInput, Refused) as error:
            get_run_logger().error("%s %s", error.message, error.remedy)
            name = "Refused" if isinstance(error, Refused) else "Invalid input"
            return Failed(name=name, message=f"{error.code}: {error.message} {error.remedy}")
        return await _carry(installation, state, context.flow_run)


@contextlib.contextmanager
def _opened() -> Iterator[Installation]:
    """What this process has opened ahead of its run; else the installation of ``TENANTRY_HOME``."""
    ahead = AHEAD.get()
    if ahead is not None:
        yield ahead
        return
    with Installation.open() as installation:
        yield installation


async def _carry(installation: Installation, state: RunState, flow_run: FlowRun) -> State[Any]:
    acting = ACTING.get()
    if acting is not None and acting.run_id == state.run_id:
        async with _called(run_name(state), flow_run):
            state = await acting.joined()
        return await _concluded(installation, state)
    if state.open_gates():
        await asking.weigh(installation, state, flow_run.id)
    # Tenant and mode as recorded: those of the flow run can be changed by whoever can write to Prefect's API.
    async with _called(run_name(state), flow_run), installation.access(state.tenant, state.mode) as access:
        engine = Engine(installation.surroundings(), access)
        # A run that was never begun has no task runs that edges could lead to.
        steps = await PrefectSteps.of(flow_run.id) if state.attempt else PrefectSteps()
        state = await engine.run(state.run_id, call=steps, flow_run_id=str(flow_run.id))
    return await _concluded(installation, state)


async def _concluded(installation: Installation, state: RunState) -> State[Any]:
    await artifacts.publish(installation, state)
    if state.status(live=False) is Status.WAITING:
        await asking.suspend(state)
    return final(state)


@contextlib.asynccontextmanager
async def _called(name: str, flow_run: FlowRun) -> AsyncIterator[None]:
    """Have Prefect show the flow run under its run's name. Beside the run, which waits for no name: Prefect's own way, a name that
    the flow works out, is one more request before the flow may begin."""
    naming = asyncio.create_task(_name(name, flow_run)) if flow_run.name != name or _owes(flow_run) else None
    try:
        yield
    except BaseException:
        if naming is not None:
            naming.cancel()  # one that is told to end does so at once
        raise
    if naming is not None:
        await naming


def _owes(flow_run: FlowRun) -> bool:
    context = AsyncClientContext.get()
    return context is not None and isinstance(context.client, Knowing) and context.client.untold(flow_run.id)


async def _name(name: str, flow_run: FlowRun) -> None:
    try:
        async with asyncio.timeout(_NAMING), get_client() as client:
            await client.set_flow_run_name(flow_run.id, name)
    except Exception as problem:  # noqa: BLE001  # whatever ails Prefect, the run goes on under another name
        get_logger(__name__).warning("the flow run could not be named: %s", type(problem).__name__)


def recorded(installation: Installation, flow_run: FlowRun) -> RunState | None:
    """The run that the record ties to a flow run, as far as it goes; None when it knows none."""
    run_id = named(flow_run) or str(flow_run.id)
    try:
        index = installation.journal.run(run_id)
    except NotFound:
        return None
    if index.run_id != run_id:  # the beginning of somebody else's id
        return None
    records = _bound(installation, run_id, flow_run)
    return fold(records) if records is not None else None


def named(flow_run: FlowRun) -> str | None:
    """The run that a flow run's tags name. A claim, until the record says so."""
    return next((tag.removeprefix(RUN_TAG) for tag in flow_run.tags if tag.startswith(RUN_TAG)), None)


def _bound(installation: Installation, run_id: str, flow_run: FlowRun) -> list[Record] | None:
    """The run's records, once they name the flow run. Who schedules one creates it first and records it a moment later."""
    deadline = time.monotonic() + _BINDING
    while True:
        records = installation.journal.records(run_id)
        if bound(records, flow_run.id):
            return records
        if time.monotonic() > deadline:
            return None
        time.sleep(_LOOK)


def begin(installation: Installation, runbook_id: str, parameters: Mapping[str, Any], flow_run: FlowRun) -> RunState:
    """The run to carry: the one that the record ties to the flow run, or a new one with the flow run's own id.

    Raises:
        OutOfScope: the flow run names a run that the record does not tie to it, or one of another runbook.
        InvalidInput: no such run, tenant or parameter.
    """
    tagged = named(flow_run)
    try:
        run_id = installation.journal.run(tagged or str(flow_run.id)).run_id
    except NotFound:
        if tagged is not None:
            raise
        return _create(installation, runbook_id, parameters, flow_run)
    records = _bound(installation, run_id, flow_run)
    if records is None:
        raise OutOfScope("this flow run was not made for the run that its tag names")
    state = fold(records)
    if state.runbook != runbook_id:
        raise OutOfScope(f"the run {run_id} is not one of {runbook_id}")
    return state


def _create(installation: Installation, runbook_id: str, parameters: Mapping[str, Any], flow_run: FlowRun) -> RunState:
    tenant = installation.tenants.get(parameters["tenant"])
    asked = installation.catalog.get(runbook_id).params
    given = {name: value for name, value in parameters.items() if name in asked}
    runbook = pinned(installation, runbook_id, tenant.name, given)
    values = validate_params(runbook, given)
    return create(
        installation.surroundings(),
        run_id=str(flow_run.id),
        runbook=runbook,
        tenant=tenant.name,
        params=values,
        mode=parameters["mode"],
        requester={"person": parameters.get("requested_by") or None, "proven": False, "via": "prefect"},
        subject=runbook.subject_for({"params": values, "tenant": tenant.public()}),
        flow_run_id=str(flow_run.id),
    )


def final(state: RunState) -> State[Any]:
    """How Prefect shows the end: Completed only when the run is, and the status as its name."""
    status = state.status(live=False)
    name = status.value.replace("_", " ").capitalize()
    if status in (Status.COMPLETED, Status.PLANNED, Status.UNDONE):
        return Completed(name=name, message=f"run {state.run_id}")
    if status is Status.CANCELLED:
        return State(type=StateType.CANCELLED, name=name, message=f"run {state.run_id}")
    return Failed(name=name, message=f"run {state.run_id}: see its steps table; `tenantry runs show {state.run_id}`")


__all__ = ["AHEAD", "begin", "carry", "final", "named", "recorded"]
