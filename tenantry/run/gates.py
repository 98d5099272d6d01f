"""Recorded questions and answers, in the terms of the approval rules."""

from __future__ import annotations

from datetime import datetime

from tenantry.approvals import ApprovalRequest, Decision, Requester
from tenantry.clock import parse_rfc3339
from tenantry.run.state import Gate, RunState


def as_request(state: RunState, gate: Gate) -> ApprovalRequest:
    """The question as :mod:`tenantry.approvals` judges it."""
    request = gate.request
    return ApprovalRequest(
        run_id=state.run_id,
        tenant=state.tenant,
        step=gate.step,
        item=gate.item,
        arguments_digest=gate.digest,
        role=request["role"],
        four_eyes=request["four_eyes"],
        requested_at=gate.requested_at,
        expires_at=parse_rfc3339(request["expires_at"]),
        requester=_requester(state),
        reasons=tuple(request["reasons"]),
        run_created_at=state.created_at,
        only=tuple(request.get("only", ())),
    )


def _requester(state: RunState) -> Requester:
    """Whoever proved that the run is meant stands for the requester: under four eyes, they are one of the two."""
    if state.starter is not None and not state.requester.get("proven"):
        return Requester(person=state.starter, proven=True)
    return Requester(person=state.requester.get("person"), proven=bool(state.requester.get("proven")))


def as_decisions(state: RunState, gate: Gate) -> list[Decision]:
    return [
        Decision(
            run_id=state.run_id,
            person=decision["by"],
            decision=decision["decision"],
            reason=decision["reason"],
            at=datetime.fromisoformat(decision["at"]),
            arguments_digest=gate.digest,
            step=gate.step,
            item=gate.item,
        )
        for decision in gate.decisions
    ]
