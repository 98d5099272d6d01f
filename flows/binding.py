"""Which flow runs may carry a run: the record says, Prefect does not.

Anybody who can write to Prefect's API can tag a flow run with any run's id. So whoever schedules a flow run for a run that is
recorded already writes that down first, and a flow run that is not named in the record is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from tenantry.journal import Event, Journal, Record
from tenantry.run import RunState

RUN_TAG: Final = "run:"
"""Tag that names the run on a flow run that did not begin it, for people and for the flow to look it up."""

_SCHEDULED: Final = "run.scheduled"


def bind(journal: Journal, state: RunState, flow_run_id: UUID) -> None:
    """Record, durably, that this flow run may carry the run."""
    payload = {"flow_run_id": str(flow_run_id)}
    flow = (state.runbook, state.version)
    journal.append(state.tenant, [Event(_SCHEDULED, payload, state.run_id, attempt=state.attempt, flow=flow)])


def bound(records: Iterable[Record], flow_run_id: UUID) -> bool:
    """Whether the record of a run names this flow run: the one that began it, or one that was scheduled to carry it on."""
    return any(
        record.event in ("run.created", _SCHEDULED) and record.data.get("flow_run_id") == str(flow_run_id)
        for record in records
    )


def run_name(state: RunState) -> str:
    """What Prefect calls the flow runs that carry a run."""
    return f"{state.tenant} · {state.subject}" + ("" if state.mode == "run" else f" · {state.mode}")
