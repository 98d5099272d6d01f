"""Putting back what a run changed: repeatable, newest first, and never over somebody else's later change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from tenantry.clock import rfc3339
from tenantry.errors import LeaseLost, RecordError, TaskDefect, TenantryError
from tenantry.journal import Event
from tenantry.run.access import Surroundings
from tenantry.run.policy import Policy
from tenantry.run.questions import Waiting, refuse_denied
from tenantry.run.state import ItemState, RunState
from tenantry.run.steps import ItemRunner
from tenantry.runbook.model import Runbook, Step
from tenantry.task import Outcome, Task


class Undo:
    """Undoes steps of one run under its lease."""

    def __init__(
        self,
        state: RunState,
        runbook: Runbook,
        around: Surroundings,
        items: ItemRunner,
        policy: Policy,
        record: Callable[..., Awaitable[None]],
    ) -> None:
        self._state = state
        self._runbook = runbook
        self._around = around
        self._items = items
        self._policy = policy
        self._record = record

    async def everything(self) -> bool:
        """Every change of the run, except those that took something from an attacker. Returns whether somebody must
        answer first (never, for a whole run)."""
        for step in reversed(self._runbook.order()):
            await self._step(step, alone=False)
        return False

    async def one(self, step_id: str) -> bool:
        """One step. Returns whether an approval must be given first."""
        return await self._step(self._runbook.step(step_id), alone=True)

    async def _step(self, step: Step, *, alone: bool) -> bool:
        task = self._around.registry.get(step.uses)()
        if not isinstance(task, Task):
            return False
        waiting = False
        for item in self._state.items_of(step.id):
            if item.outcome not in (Outcome.CHANGED, Outcome.UNDO_FAILED):
                continue
            try:
                await self._item(step, task, item, alone=alone)
            except Waiting:
                waiting = True
        return waiting

    async def _item(self, step: Step, task: Task[Any], item: ItemState, *, alone: bool) -> None:
        why = task.no_undo
        if why is None and task.removes_foothold and not alone:
            why = "would give back what was taken from an attacker: needs `--step` and an approval"
        if why is not None:
            await self._record(Event("undo.outcome", {"item": item.item, "why": why}, step=step.id, outcome="kept"))
            return
        if task.removes_foothold:
            refuse_denied(
                await self._items.questions.ask(
                    step.id,
                    item.item,
                    {"task": task.name, "tenant": self._state.tenant, "arguments": dict(item.arguments), "undo": True},
                    role="approver",
                    expires_in=timedelta(hours=24),
                    four_eyes=True,
                    reasons=["gives back what was taken from an attacker"],
                    question=f"Undo: {task.summary()}",
                    changes=item.changes,
                )
            )
        timeout = self._policy.effect_timeout(step.timeout_seconds or task.timeout)
        try:
            self._items.refuse_when_frozen()
            await self._record(
                Event(
                    "undo.intent",
                    {
                        "item": item.item,
                        "changes": [change.model_dump(mode="json") for change in item.changes],
                        "deadline": rfc3339(self._around.now() + timedelta(seconds=timeout)),
                    },
                    step=step.id,
                )
            )
            await self._items.put_back(step, task, item, timeout)
        except (LeaseLost, RecordError, asyncio.CancelledError):
            raise
        except TenantryError as error:
            await self._failed(step, item, error)
        except Exception as error:  # noqa: BLE001  # a defect in a task must become its outcome
            await self._failed(step, item, TaskDefect.of(f"{task.name}.undo", error))
        else:
            await self._record(Event("undo.outcome", {"item": item.item}, step=step.id, outcome=Outcome.UNDONE.value))

    async def _failed(self, step: Step, item: ItemState, error: TenantryError) -> None:
        await self._record(
            Event(
                "undo.outcome",
                {"item": item.item, "error": error.as_dict()},
                step=step.id,
                outcome=Outcome.UNDO_FAILED.value,
            )
        )
