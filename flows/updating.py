"""Whoever waits for systems to come back hears from us on the cadence that the plan promises: one run of the runbook `disaster_status` for each update.

As for reminders, such a run stands in the record before anything is sent, and its id follows from the activation and the number of the update, so none is
sent twice. It is begun by the service's keeper, whatever the activation does meanwhile: restores of hours and questions to people keep no update waiting.
Of several that were missed, only the latest is sent. What it says is told from the activation's record at that moment.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from flows.recording import prepare
from tenantry.clock import parse_rfc3339, rfc3339
from tenantry.disaster.compile import ACTIVATION
from tenantry.errors import NotFound, TenantryError
from tenantry.runbook.model import parse_duration

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.journal.runs import RunIndex
    from tenantry.run import RunState

__all__ = ["RUNBOOK", "Updates", "number_of", "run_id_of"]

RUNBOOK: Final = "disaster_status"
_NAMESPACE: Final = uuid.UUID("5a0d8c7e-91f4-4b5e-8a3e-0f6f0b5f2d11")
_LOG: Final = logging.getLogger(__name__)


def run_id_of(run_id: str, number: int) -> str:
    """The id of the run that sends this update of an activation."""
    return str(uuid.uuid5(_NAMESPACE, f"{run_id}/{number}"))


def number_of(begun: datetime, cadence: timedelta, now: datetime) -> int:
    """Which update is due, counted from when it began; below 1: none yet."""
    return int((now - begun) / cadence)


class Updates:
    """Begins what is due.

    Args:
        schedule: gives a recorded run to Prefect.
    """

    def __init__(self, installation: Installation, schedule: Callable[[RunState], Awaitable[object]]) -> None:
        self._installation = installation
        self._schedule = schedule

    async def look(self) -> list[str]:
        """Begin what is due and was not begun; ids of the runs."""
        begun: list[str] = []
        for index in await asyncio.to_thread(self._open):
            try:
                state = await asyncio.to_thread(self._recorded, index)
            except TenantryError as error:  # what is wrong with one keeps nobody else's waiting
                _LOG.warning("no update on %s could be begun: %s", index.run_id, error.message)
                continue
            if state is not None:
                begun.append(state.run_id)
                await self._schedule(state)
        return begun

    def _open(self) -> list[RunIndex]:
        return [one for one in self._installation.journal.runs() if one.runbook == ACTIVATION and not one.ended]

    def _recorded(self, index: RunIndex) -> RunState | None:
        """The run, recorded now; None where nothing is due."""
        state = self._installation.state(index.run_id)
        declared, back = _output(state, "declared"), _output(state, "service_back")
        runbook = self._installation.runbook_of(state)
        if state.params.get("purpose") == "rehearsal":
            return None  # nobody waits for anything
        if state.mode != "run" or declared is None or back is not None or runbook is None:
            return None
        told = runbook.step("told").with_
        cadence = parse_duration(str(told["facts"]["cadence"]))
        now = self._installation.journal.clock.now()
        begun = parse_rfc3339(declared["at"])
        number = number_of(begun, cadence, now)
        run_id = run_id_of(state.run_id, number)
        if number < 1:
            return None
        try:
            self._installation.journal.run(run_id)
        except NotFound:
            requester = {"person": None, "name": f"run {state.run_id}", "proven": False, "via": "update"}
            systems = runbook.step("recovered").with_["systems"]
            params = {
                "run": state.run_id,
                "plan": str(state.params["plan"]),
                "contacts": list(told["to"]),
                "next_update": rfc3339(begun + (number + 1) * cadence),
                **_standing(state, systems),
            }
            prepare(self._installation, RUNBOOK, state.tenant, params, "run", requester, run_id)
            return self._installation.state(run_id)
        return None


def _output(state: RunState, step: str) -> Mapping[str, Any] | None:
    item = state.items.get((step, None))
    return item.output if item is not None and item.done and item.output else None


def _standing(state: RunState, systems: list[dict[str, Any]]) -> dict[str, list[str]]:
    """How each system stands: back and checked, being recovered, or stuck until a person decides."""
    found: dict[str, list[str]] = {"recovered": [], "away": [], "stuck": []}
    asked = {gate.step for gate in state.open_gates()}
    for system in systems:
        proofs = [name for name in (system["health"], system["data"]) if name]
        steps = [*system["steps"], *proofs]
        if all(_good(state, name) for name in proofs):
            found["recovered"].append(system["title"])
        else:
            found["stuck" if asked.intersection(steps) else "away"].append(system["title"])
    return found


def _good(state: RunState, step: str) -> bool:
    item = state.items.get((step, None))
    return item is not None and item.outcome is not None and item.outcome.good
