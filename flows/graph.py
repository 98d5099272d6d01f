"""Each step of a run as a Prefect task run: its name, its edges, and a state named after the outcome.

Prefect shows the steps; it does not decide whether they run. When it cannot record one (the server is away), the step is
executed all the same, once, and the record has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Self
from uuid import UUID

from prefect import allow_failure, get_client, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State, StateDetails, StateType
from prefect.client.schemas.sorting import TaskRunSort
from prefect.logging import get_logger, get_run_logger
from prefect.states import Completed, Failed

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
        earlier: step id → a state that stands for its task run of an earlier attempt, so that edges lead to it.
    """

    def __init__(self, earlier: Mapping[str, State[Any]] | None = None) -> None:
        self._states: dict[str, State[Any]] = dict(earlier or {})

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

        # No tags: for a tagged task run Prefect asks the server for concurrency slots, before every step. A server that is
        # busy or away would hold up the run for seconds; the phase stands in the name.
        shown = _step.with_options(name=call.step.uses, task_run_name=f"{call.step.phase}{_BETWEEN}{call.step.id}")
        upstream = [allow_failure(self._states[name]) for name in call.upstream if name in self._states]
        try:
            self._states[call.step.id] = await _call(shown, _Body(settle), upstream)
        except Exception as problem:
            if error or (begun and not result):
                raise
            get_logger(__name__).warning("Prefect could not show %s: %s", call.step.id, type(problem).__name__)
        if error:
            raise error[0]
        return result[0] if result else await body()


async def _earlier(flow_run_id: UUID) -> dict[str, State[Any]]:
    async with get_client() as client:
        found = await client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])),
            sort=TaskRunSort.EXPECTED_START_TIME_DESC,
            limit=200,
        )
    return {
        run.name.partition(_BETWEEN)[2]: State(
            type=StateType.COMPLETED, state_details=StateDetails(task_run_id=run.id, flow_run_id=flow_run_id)
        )
        for run in reversed(found)  # the newest of a name is the one that counts
    }


class _Body:
    """Hides the closure from Prefect's search for futures in parameters."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], Awaitable[State[Any]]]) -> None:
        self.call = call

    def __repr__(self) -> str:
        return "step"


@task(cache_policy=NO_CACHE, persist_result=False, retries=0)
async def _step(body: _Body) -> State[Any]:
    return await body.call()


async def _call(shown: Any, body: _Body, upstream: list[Any]) -> State[Any]:
    # Prefect's overloads do not say that an async task called for its state must be awaited.
    state: State[Any] = await shown(body, return_state=True, wait_for=upstream)
    return state


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
