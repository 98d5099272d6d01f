"""Each step of a run as a Prefect task run: its name, its edges, and a state named after the outcome.

Prefect shows the steps; it does not decide whether they run. When it cannot record one (the server is away), the step is
executed all the same, once, and the record has it.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Self, cast
from uuid import UUID

from prefect import Task, get_client, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import RunInput, State, StateType, TaskRunResult
from prefect.client.schemas.sorting import TaskRunSort
from prefect.logging import get_logger, get_run_logger
from prefect.states import Completed, Failed
from prefect.task_engine import run_task_async

from tenantry.clock import parse_rfc3339
from tenantry.run import StepCall, StepReport
from tenantry.task import Outcome

_NAMES = {
    Outcome.OBSERVED: "Observed",
    Outcome.ALREADY: "Already",
    Outcome.CHANGED: "Changed",
    Outcome.WOULD_CHANGE: "WouldChange",
    Outcome.SKIPPED: "Skipped",
}
_BETWEEN: Final = " · "
_PATIENCE: Final = 10.0
"""Seconds for looking up the task runs of earlier attempts; the run does not wait longer for edges in a picture."""


class PrefectSteps:
    """The engine's ``call``: one Prefect task run a step, in the flow's own loop.

    Nothing but the step's id and title becomes a parameter; the body travels beside Prefect, not through it.

    Args:
        earlier: step id → its task run of an earlier attempt, so that edges lead to it.
    """

    def __init__(self, earlier: Mapping[str, UUID] | None = None) -> None:
        self._runs: dict[str, UUID] = dict(earlier or {})

    @classmethod
    async def of(cls, flow_run_id: UUID) -> Self:
        """With the task runs that this flow run has already."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return cls(await _earlier(flow_run_id))
        except Exception as problem:  # noqa: BLE001  # whatever ails Prefect, the run goes on without these edges
            get_logger(__name__).warning("earlier task runs could not be read: %s", type(problem).__name__)
            return cls()

    async def __call__(self, call: StepCall, body: Callable[[], Awaitable[StepReport]]) -> StepReport:
        if call.step.id in self._runs and _only_waits(call):
            return await body()  # shown as waiting already; every further attempt would add one more node
        begun = False
        result: list[StepReport] = []
        error: list[BaseException] = []

        async def settle() -> State[Any]:
            nonlocal begun
            begun = True
            try:
                report = await body()
            except BaseException as caught:
                error.append(caught)  # the loss of the lease or the record must reach the engine as itself
                raise
            result.append(report)
            return _state(report)

        try:
            state = await _call(
                _named(call.step.uses),
                _Body(settle, f"{call.step.phase}{_BETWEEN}{call.step.id}"),
                [self._runs[name] for name in call.upstream if name in self._runs],
            )
            if state.state_details.task_run_id is not None:
                self._runs[call.step.id] = state.state_details.task_run_id
        except Exception as problem:
            if error or (begun and not result):
                raise
            get_logger(__name__).warning("Prefect could not show %s: %s", call.step.id, type(problem).__name__)
        if error:
            raise error[0]
        return result[0] if result else await body()


def _only_waits(call: StepCall) -> bool:
    """Whether all that the step can do now is to wait: its one question stands, and nobody has said anything to it."""
    mine = [gate for gate in call.state.open_gates() if gate.step == call.step.id]
    now = datetime.now(UTC)
    return (
        call.step.for_each is None
        and len(mine) == 1
        and not mine[0].decisions
        and parse_rfc3339(mine[0].request["expires_at"]) > now
    )


async def _earlier(flow_run_id: UUID) -> dict[str, UUID]:
    async with get_client() as client:
        found = await client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])),
            sort=TaskRunSort.EXPECTED_START_TIME_DESC,
            limit=200,
        )
    # The newest of a name is the one that counts.
    return {run.name.partition(_BETWEEN)[2]: run.id for run in reversed(found)}


class _Body:
    """Hides the closure from Prefect's search for futures in parameters; its text is the task run's name."""

    __slots__ = ("call", "name")

    def __init__(self, call: Callable[[], Awaitable[State[Any]]], name: str) -> None:
        self.call = call
        self.name = name

    def __str__(self) -> str:
        return self.name


@task(cache_policy=NO_CACHE, persist_result=False, retries=0, task_run_name="{body}")
async def _step(body: _Body) -> State[Any]:
    return await body.call()


@functools.cache
def _named(uses: str) -> Task[Any, Any]:
    """The Prefect task under a task's name; made once, because making one reads and hashes its source.

    No tags: for a tagged task run Prefect asks the server for concurrency slots, before every step. A server that is busy
    or away would hold up the run for seconds; the phase stands in the task run's name.
    """
    return _step.with_options(name=uses)


async def _call(shown: Task[Any, Any], body: _Body, upstream: list[UUID]) -> State[Any]:
    """A task run whose edges come from ids. ``wait_for`` would draw them too, and search every upstream state for futures,
    twice; that the upstream has ended is the engine's business."""
    edges: set[RunInput] = {TaskRunResult(id=run) for run in upstream}
    # Typed as whatever any call may return; asked for its state, it returns that.
    state: Any = await run_task_async(
        shown, parameters={"body": body}, return_type="state", dependencies={"body": edges}
    )
    return cast("State[Any]", state)


def _state(report: StepReport) -> State[Any]:
    outcome = report.outcome
    if report.waiting:
        return State(type=StateType.CANCELLED, name="Waiting", message="a person must answer first")
    if report.blocked or outcome is None:
        return State(type=StateType.CANCELLED, name="Stopped", message="the run was stopped")
    message = _message(report)
    if outcome in (Outcome.FAILED, Outcome.UNKNOWN):
        get_run_logger().error(message)
        return Failed(name="Failed" if outcome is Outcome.FAILED else "Unknown", message=message)
    get_run_logger().info(message)
    return Completed(name=_NAMES.get(outcome, outcome.value.title()), message=message)


def _message(report: StepReport) -> str:
    """Counts and error texts; never values."""
    if report.error is not None:
        return f"{report.error['code']}: {report.error['message']}"
    errors = [f"{item.error['code']}: {item.error['message']}" for item in report.items if item.error]
    counts: dict[str, int] = {}
    for item in report.items:
        name = item.outcome.value if item.outcome else "not begun"
        counts[name] = counts.get(name, 0) + 1
    summary = ", ".join(f"{count} {name}" if len(report.items) > 1 else name for name, count in counts.items())
    return "; ".join([summary or "nothing to do", *errors[:5]])
