"""A run as the command line and the pages show it: the JSON shapes of the command line's contract."""

from __future__ import annotations

from typing import Any

from tenantry.clock import rfc3339
from tenantry.run.state import Gate, ItemState, RunState
from tenantry.runbook.model import Runbook
from tenantry.task import Outcome


def run_view(state: RunState, *, live: bool, runbook: Runbook | None) -> dict[str, Any]:
    """``Run`` of the contract. Steps stand in the runbook's order; those not begun have ``outcome: null``.

    Args:
        live: some process owns the run right now.
        runbook: the run's pinned runbook; None when it does not load any more (then only begun steps are listed).
    """
    status = state.status(live=live)
    return {
        "run_id": state.run_id,
        "runbook": state.runbook,
        "tenant": state.tenant,
        "mode": state.mode,
        "subject": state.subject,
        "params": dict(state.params),
        "status": status.value,
        "requested_by": dict(state.requester),
        "started_at": rfc3339(state.created_at),
        "finished_at": rfc3339(state.ended_at) if state.ended_at else None,
        "opened_by": state.requester.get("run"),
        "opened": _opened(state),
        "flow_run_id": state.flow_run_id,
        "attempt": state.attempt,
        "steps": _steps(state, runbook),
        "approvals": [approval_view(gate) for gate in state.gates.values()],
        "progress": progress(state, runbook),
        "waiting_for": [] if status.ended else [waiting_view(gate) for gate in state.open_gates()],
        "clocks": list(state.clocks.values()),
        "notes": list(state.notes),
        "refusals": [dict(refusal) for refusal in state.refusals],
        "interruptions": [{"from": rfc3339(begun), "until": rfc3339(over)} for begun, over in state.interruptions],
        "restarts": [dict(one) for one in state.restarts],
        "evidence": list(state.evidence),
    }


def _opened(state: RunState) -> list[str]:
    """Runs that this one opened (`incident.open_incident`): their entries name it, as it names them."""
    paths = (change.path for item in state.items.values() if item.outcome is Outcome.CHANGED for change in item.changes)
    parts = (path.split("/") for path in paths)
    return [part[1] for part in parts if len(part) == 3 and (part[0], part[2]) == ("run", "opened")]


def progress(state: RunState, runbook: Runbook | None) -> dict[str, int] | None:
    """How far a run is: ``{done, of, percent}``, in steps. A step that failed, or whose result is not known, is not done. None where the
    runbook does not load any more."""
    if runbook is None:
        return None
    done = sum(1 for step in runbook.steps if _settled(state, step.id, in_parts=step.for_each is not None))
    return {"done": done, "of": len(runbook.steps), "percent": 100 * done // len(runbook.steps)}


def _settled(state: RunState, step: str, *, in_parts: bool) -> bool:
    if state.whens.get(step) is False:
        return True
    if in_parts:
        keys = state.expansions.get(step)
        return keys is not None and all(_over(state, step, one["key"]) for one in keys)
    return _over(state, step, None)


def _over(state: RunState, step: str, item: str | None) -> bool:
    found = state.items.get((step, item))
    return found is not None and (found.done or found.outcome is Outcome.WOULD_CHANGE)


def _steps(state: RunState, runbook: Runbook | None) -> list[dict[str, Any]]:
    if runbook is None:
        return [_item_view(item, "", "") for item in state.items.values()]
    views: list[dict[str, Any]] = []
    for step in runbook.steps:
        items = [item for item in state.items_of(step.id) if item.item is not None or step.for_each is None]
        if not items:
            items = [ItemState(step.id, None)]
            if step.id in state.step_errors:
                views.append(
                    _item_view(items[0], step.phase, step.uses)
                    | {"outcome": "failed", "error": dict(state.step_errors[step.id])}
                )
                continue
        views.extend(
            _item_view(item, step.phase, step.uses) | ({"outcome": "skipped"} if _skipped(state, step.id, item) else {})
            for item in items
        )
    return views


def _skipped(state: RunState, step: str, item: ItemState) -> bool:
    return item.outcome is None and (state.whens.get(step) is False or state.expansions.get(step) == [])


def _item_view(item: ItemState, phase: str, task: str) -> dict[str, Any]:
    return {
        "id": item.step,
        "phase": phase,
        "task": task,
        "item": item.item,
        "outcome": item.outcome.value if item.outcome else None,
        "started_at": rfc3339(item.started_at) if item.started_at else None,
        "finished_at": rfc3339(item.finished_at) if item.finished_at else None,
        "attempts": item.attempts,
        "changes": [change.model_dump(mode="json") for change in item.changes],
        "output": item.output,
        "error": dict(item.error) if item.error else None,
        "note": item.note,
        "throttled": dict(item.throttled) if item.throttled else None,
        "undo": dict(item.undo) if item.undo else None,
        "decided": dict(item.decided) if item.decided else None,
    }


def approval_view(gate: Gate) -> dict[str, Any]:
    """``Approval`` of the contract: the newest decision, all of them under ``decisions``."""
    last = gate.decisions[-1] if gate.decisions else None
    return {
        "step": gate.step,
        "item": gate.item,
        "kind": gate.request["kind"],
        "requested_at": rfc3339(gate.requested_at),
        "expires_at": gate.request["expires_at"],
        "decided_at": last["at"] if last else None,
        "decision": last["decision"] if last else None,
        "by": last["by"] if last else None,
        "reason": last["reason"] if last else None,
        "arguments_digest": gate.digest,
        "reasons": list(gate.request.get("reasons", ())),
        "decisions": [dict(decision) for decision in gate.decisions],
        "closed": gate.closed,
    }


def waiting_view(gate: Gate) -> dict[str, Any]:
    """One open question: what is asked of whom, until when, and why."""
    request = gate.request
    return {
        "step": gate.step,
        "item": gate.item,
        "kind": request["kind"],
        "question": request["question"],
        "role": request["role"],
        "four_eyes": request["four_eyes"],
        "reasons": list(request["reasons"]),
        "requested_at": rfc3339(gate.requested_at),
        "expires_at": request["expires_at"],
        "arguments_digest": gate.digest,
        "arguments": request["bound"].get("arguments") or {"targets": request["bound"].get("targets")},
        "changes": list(request["changes"]),
        "decided": len(gate.decisions),
        "only": list(request.get("only", ())),
        "owner": request.get("owner") or request["role"],
        "reminders": [rfc3339(at) for at in gate.reminders],
        "reminded": gate.reminded,
    }
