"""Each step of a run as a Prefect task run: its name, its edges, and a state named after the outcome.

Prefect shows the steps; it does not decide whether they run. When it cannot record one (the server is away), the step is
executed all the same, once, and the record has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Self
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.sorting import TaskRunSort
from prefect.logging import get_logger
from prefect.states import Completed, Failed

from flows.shown import Shown
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
    """The engine's ``call``: one Prefect task run a step, in the flow's own loop. The body runs beside Prefect, not through it.

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
        shown = await _begun(call, [self._runs[name] for name in call.upstream if name in self._runs])
        if shown is None:
            return await body()
        try:
            report = await body()
        except BaseException as problem:
            shown.broke(problem)
            raise
        shown.end(_state(report))
        self._runs[call.step.id] = shown.id
        return report

    async def tell(self, call: StepCall, began: datetime, ended: datetime, report: StepReport) -> None:
        """Show a step that was executed before there was a flow run to show it in."""
        if call.step.id in self._runs and report.waiting:
            return  # as above
        shown = await _begun(call, [self._runs[name] for name in call.upstream if name in self._runs], began)
        if shown is not None:
            shown.end(_state(report).model_copy(update={"timestamp": ended}))
            self._runs[call.step.id] = shown.id


async def _begun(call: StepCall, upstream: list[UUID], began: datetime | None = None) -> Shown | None:
    """None when Prefect cannot be told: the step is executed all the same."""
    try:
        return await Shown.begin(call.step.uses, f"{call.step.phase}{_BETWEEN}{call.step.id}", upstream, began)
    except Exception as problem:  # noqa: BLE001  # whatever ails Prefect, the step has to be done
        get_logger(__name__).warning("Prefect could not show %s: %s", call.step.id, type(problem).__name__)
        return None


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


def _state(report: StepReport) -> State[Any]:
    outcome = report.outcome
    if report.waiting:
        return State(type=StateType.CANCELLED, name="Waiting", message="a person must answer first")
    if report.blocked or outcome is None:
        return State(type=StateType.CANCELLED, name="Stopped", message="the run was stopped")
    message = _message(report)
    if outcome in (Outcome.FAILED, Outcome.UNKNOWN):
        return Failed(name="Failed" if outcome is Outcome.FAILED else "Unknown", message=message)
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
