"""One task run, as Prefect's server hears of it.

Prefect's task engine carries what a run of ours does not use (results, transactions, caches, retries, hooks, assets, a context of
its own) and says three things of every task run, each of which the server reads five times and writes. Here a task run is made as
Prefect makes it and said by the same events, without the engine around it: that it runs is said only when it is not over at once, and
its end says when it began and how long it took.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import RunInput, State, StateType, TaskRun, TaskRunResult
from prefect.context import FlowRunContext
from prefect.events import Event
from prefect.logging import get_logger
from prefect.logging.loggers import task_run_logger
from prefect.states import Crashed, Failed, Running
from prefect.utilities.engine import emit_task_run_state_change_event

from tenantry.errors import TaskDefect

__all__ = ["MOMENT", "Shown", "named"]

MOMENT: Final = 0.25
"""Seconds after which a task run that is not over is said to be running. Nobody sees it sooner: what is said is written in batches,
up to a second later (`flows.settings`)."""


@task(cache_policy=NO_CACHE, persist_result=False, retries=0)
async def _step() -> None:
    """Never called: what it is called is shown."""


@functools.cache
def named(uses: str) -> Task[Any, Any]:
    """The Prefect task under a task's name; made once, because making one reads and hashes its source.

    No tags: for a tagged task run Prefect counts concurrency slots; the phase stands in the task run's name.
    """
    return _step.with_options(name=uses)


class Shown:
    """A task run that was begun. What it cannot say to Prefect it logs, and goes on.

    Attributes:
        id: of the task run.
    """

    def __init__(self, shown: Task[Any, Any], run: TaskRun, began: datetime | None = None) -> None:
        self.id: UUID = run.id
        self._run = run
        self._logger = task_run_logger(run, shown)
        self._before: State[Any] | None = run.state
        self._event: Event | None = None
        running: State[Any] = Running() if began is None else Running(timestamp=began)
        self._running = running
        started: Any = running.timestamp  # Prefect's own class of times
        run.start_time = started
        run.run_count = 1
        self._later = asyncio.get_running_loop().call_later(MOMENT, self._quietly, lambda: self._say(running))

    @classmethod
    async def begin(cls, uses: str, name: str, upstream: list[UUID], began: datetime | None = None) -> Self:
        """In a flow run.

        Args:
            uses: the task's name.
            name: the task run's.
            upstream: task runs that edges come from.
            began: when it did; now when None.

        Raises:
            TaskDefect: outside of a flow run.
            Exception: Prefect could not make it.
        """
        context = FlowRunContext.get()
        if context is None or context.flow_run is None:
            raise TaskDefect("a step was to be shown outside of a flow run")
        shown = named(uses)
        client: Any = context.client  # the asynchronous one, in a flow that is asynchronous
        edges: set[RunInput] = {TaskRunResult(id=run) for run in upstream}
        run = await shown.create_local_run(
            client=client,
            parameters={"after": None},
            flow_run_context=context,
            extra_task_inputs={"after": edges},
        )
        run.name = name
        run.flow_run_run_count = context.flow_run.run_count
        return cls(shown, run, began)

    def end(self, state: State[Any]) -> None:
        """Say how it ended; what the state says goes to the run's log too."""
        self._later.cancel()
        self._quietly(lambda: self._ended(state))

    def broke(self, problem: BaseException) -> None:
        """Say that it ended by an exception: the record could not be written, say, or the process was told to end."""
        kind = Failed if isinstance(problem, Exception) else Crashed
        self.end(kind(message=f"the step was broken off ({type(problem).__name__})"))

    def _ended(self, state: State[Any]) -> None:
        run = self._run
        ended: Any = state.timestamp
        run.end_time = ended
        run.total_run_time = state.timestamp - self._running.timestamp
        if self._event is None:
            self._before = self._running
        self._say(state)
        level = logging.INFO if state.type in (StateType.COMPLETED, StateType.CANCELLED) else logging.ERROR
        self._logger.log(level, "%s", state.message or state.name)

    def _say(self, state: State[Any]) -> None:
        run = self._run
        details = state.state_details
        details.task_run_id, details.flow_run_id = run.id, run.flow_run_id
        run.state, run.state_id, run.state_type, run.state_name = state, state.id, state.type, state.name
        self._event = emit_task_run_state_change_event(run, self._before, state, follows=self._event)
        self._before = state

    def _quietly(self, said: Callable[[], None]) -> None:
        try:
            said()
        except Exception as problem:  # noqa: BLE001  # whatever ails Prefect, the record has the step
            get_logger(__name__).warning("Prefect could not show %s: %s", self._run.name, type(problem).__name__)
