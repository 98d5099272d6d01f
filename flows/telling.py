"""A client hears how its incident stands on the cadence of the agreement: one run of the runbook `incident_status` for each update.

As for recoveries (`flows.updating`): such a run stands in the record before anything is sent, its id follows from the incident's run and the
number of the update, and of several that were missed only the latest is sent. It begins with the notice that the incident's runbook sends first
(its step ``first_notice``), and ends with the one that it is closed (``closed_notice``), or with the run. What it says is the record's; what failed is said as such.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from flows.recording import prepare
from flows.updating import Updates, number_of, run_id_of
from tenantry.clock import rfc3339
from tenantry.errors import NotFound, TenantryError
from tenantry.task import Outcome

if TYPE_CHECKING:
    from tenantry.journal.runs import RunIndex
    from tenantry.run import RunState
    from tenantry.runbook import Runbook

__all__ = ["RUNBOOK", "IncidentUpdates"]

RUNBOOK: Final = "incident_status"
_FIRST: Final = "first_notice"
_LAST: Final = "closed_notice"
_LINES: Final = 12
_LOG: Final = logging.getLogger(__name__)


class IncidentUpdates(Updates):
    """Begins what is due, as for activations."""

    def _open(self) -> list[RunIndex]:
        catalog = self._installation.catalog
        incidents = {name for name in catalog.ids() if _kind(catalog, name) == "incident"}
        return [one for one in self._installation.journal.runs() if one.runbook in incidents and not one.ended]

    def _recorded(self, index: RunIndex) -> RunState | None:
        """The run, recorded now; None where nothing is due."""
        state = self._installation.state(index.run_id)
        runbook = self._installation.runbook_of(state)
        if state.mode != "run" or runbook is None:
            return None
        told = _notices(runbook, _FIRST)
        first = min((at for name in told if (at := _sent(state, name)) is not None), default=None)
        cadence = _cadence(state)
        if first is None or cadence is None or any(_sent(state, name) for name in _notices(runbook, _LAST)):
            return None
        number = number_of(first, cadence, self._installation.journal.clock.now())
        if number < 1:
            return None
        run_id = run_id_of(state.run_id, number)
        try:
            self._installation.journal.run(run_id)
        except NotFound:
            requester = {"person": None, "name": f"run {state.run_id}", "proven": False, "via": "update"}
            params = {
                "run": state.run_id,
                "what": runbook.title,
                "contacts": list(next(iter(told.values()))["to"]),
                "at_risk": sorted(_at_risk(state)),
                "next_update": rfc3339(first + (number + 1) * cadence),
                **_standing(state, runbook),
            }
            prepare(self._installation, RUNBOOK, state.tenant, params, "run", requester, run_id)
            return self._installation.state(run_id)
        return None


def _kind(catalog: Any, name: str) -> str:
    try:
        return str(catalog.get(name).kind)
    except TenantryError:  # a broken file of an operator's: its runs are not found by it
        return ""


def _notices(runbook: Runbook, name: str) -> dict[str, Mapping[str, Any]]:
    """The step of that name, with what it sends; none where the runbook has none."""
    return {step.id: step.with_ for step in runbook.steps if step.id == name and step.uses == "messenger.notify"}


def _sent(state: RunState, step: str) -> datetime | None:
    item = state.items.get((step, None))
    return item.finished_at if item is not None and item.outcome is not None and item.outcome.good else None


def _cadence(state: RunState) -> timedelta | None:
    """As the run's own step of the response team read it from the agreement."""
    for item in state.items.values():
        if item.done and isinstance(item.output, Mapping) and item.output.get("cadence_minutes"):
            return timedelta(minutes=int(item.output["cadence_minutes"]))
    return None


def _standing(state: RunState, runbook: Runbook) -> dict[str, list[str]]:
    """What the record says, in the words of the runbook's titles."""
    found: dict[str, list[str]] = {"known": [], "done": [], "not_known": [], "next_steps": []}
    contained = any(
        isinstance(item.output, Mapping) and item.output.get("contained") is True for item in state.items.values()
    )
    found["known" if contained else "not_known"].append(
        "It was verified that the threat is contained"
        if contained
        else "Whether the threat is contained: that is not verified yet"
    )
    counts: dict[tuple[str, str], int] = {}
    for (name, _), item in state.items.items():
        step = runbook.step(name)
        if item.outcome is None or step.uses.startswith("messenger."):
            continue
        if item.outcome is Outcome.CHANGED:
            counts["done", step.title or name] = counts.get(("done", step.title or name), 0) + 1
        elif item.outcome in (Outcome.FAILED, Outcome.UNKNOWN):
            said = f"{step.title or name}: {'failed' if item.outcome is Outcome.FAILED else 'could not be told'}"
            counts["not_known", said] = counts.get(("not_known", said), 0) + 1
    for (kind, said), number in counts.items():
        found[kind].append(said if number == 1 else f"{said} ({number})")
    for gate in state.open_gates():
        step = runbook.step(gate.step)
        found["next_steps"].append(f"We wait for a decision: {step.title or gate.step}")
    if not found["next_steps"]:
        found["next_steps"].append("We go on with our work as agreed")
    return {kind: list(_bounded(lines)) for kind, lines in found.items()}


def _bounded(lines: list[str]) -> Iterator[str]:
    yield from lines[:_LINES]
    if len(lines) > _LINES:
        yield f"and {len(lines) - _LINES} more"


def _at_risk(state: RunState) -> set[str]:
    """Accounts that the run is about: who reads their mail is not written to."""
    found = {str(value) for name, value in state.params.items() if name in ("account", "user", "mailbox") and value}
    for item in state.items.values():
        if isinstance(item.output, Mapping):
            found |= {str(item.output[name]) for name in ("upn",) if item.output.get(name)}
            rows = item.output.get("accounts")
            if isinstance(rows, list):
                found |= {str(row["upn"]) for row in rows if isinstance(row, Mapping) and row.get("upn")}
    return found
