"""Asking people: a question bound to step, item and a digest of the arguments, recorded, and judged from the record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from tenantry.approvals import evaluate
from tenantry.clock import parse_rfc3339, rfc3339
from tenantry.errors import ApprovalDenied, ApprovalExpired
from tenantry.journal import Event
from tenantry.journal.entry import digest
from tenantry.run.access import Surroundings
from tenantry.run.gates import as_decisions, as_request
from tenantry.run.state import Gate, RunState
from tenantry.task import Change, Outcome


class Waiting(Exception):  # not a failure: a person's answer is needed before this item can go on
    """Raised inside an item's execution when its question is recorded and unanswered."""


class Questions:
    """The questions of one run."""

    def __init__(self, state: RunState, around: Surroundings, record: Callable[..., Awaitable[None]]) -> None:
        self._state = state
        self._around = around
        self._record = record

    async def ask(
        self,
        step: str,
        item: str | None,
        bound: Mapping[str, Any],
        *,
        role: str,
        expires_in: timedelta,
        four_eyes: bool,
        reasons: list[str],
        question: str,
        changes: list[Change] | None = None,
        kind: str = "approval",
        owner: str = "",
        remind_after: Sequence[timedelta] = (),
        asks_again: bool = True,
        only: Sequence[str] = (),
    ) -> Gate:
        """The question bound to these arguments, once people have approved or denied it (``closed`` says which).

        Args:
            step: the step's id, or :data:`~tenantry.run.state.START`.
            owner: whose turn it is, where that is not somebody with the role.
            remind_after: when they are reminded, from now on; the last one is the escalation.
            asks_again: a question that expired is asked anew by the next attempt.
            only: who alone may answer, by id; empty: anybody with the role.

        Raises:
            Waiting: asked, and not decided yet.
            ApprovalExpired.
        """
        bound_digest = digest({"run": self._state.run_id, "step": step, "item": item, **bound})
        gate = self._state.gates.get((step, item, bound_digest))
        if gate is None or gate.closed == "replaced" or (asks_again and self._used_up(gate)):
            now = self._around.now()
            said: dict[str, Any] = {"owner": owner} if owner else {}
            if only:
                said["only"] = list(only)
            if remind_after:
                said["remind_at"] = [rfc3339(now + after) for after in remind_after if after < expires_in]
            await self._record(
                Event(
                    "approval.requested",
                    {
                        "item": item,
                        "digest": bound_digest,
                        "kind": kind,
                        "role": role,
                        "four_eyes": four_eyes,
                        "expires_at": rfc3339(now + expires_in),
                        "reasons": reasons,
                        "question": question,
                        "bound": dict(bound),
                        "changes": [change.model_dump(mode="json") for change in changes or []],
                        **said,
                    },
                    step=step,
                )
            )
            raise Waiting
        if gate.closed is None:
            verdict = self.verdict(gate)
            if verdict == "pending":
                raise Waiting
            await self._record(
                Event("approval.closed", {"item": item, "digest": bound_digest, "why": verdict}, step=step)
            )
        elif gate.closed == "approved" and self._stale(gate):
            await self._record(
                Event("approval.closed", {"item": item, "digest": bound_digest, "why": "expired"}, step=step)
            )
        if gate.closed == "expired":
            raise ApprovalExpired(f"nobody with the role {role!r} decided in time")
        return gate

    def _used_up(self, gate: Gate) -> bool:
        """Whether what became of the question says nothing to a further attempt: nobody answered in time; or the step has failed for the
        answer: it could not be done, or was given by somebody whose answer it is not."""
        if gate.closed in ("denied", "approved", "arrived") and gate.request["kind"] == "answer":
            item = self._state.item(gate.step, gate.item)
            # A failure that is older than the question was for an answer before.
            newer = item.finished_at is None or item.finished_at > gate.requested_at
            return item.outcome is Outcome.FAILED and newer
        return gate.closed == "expired"

    async def withdraw(self, step: str) -> bool:
        """Close what is open of a step's questions: as it was decided, else as no longer asked. True when somebody has said
        no: that stands."""
        gates = [gate for gate in self._state.gates.values() if gate.step == step]
        for gate in gates:
            if gate.closed is None:
                verdict = self.verdict(gate)
                why = verdict if verdict in {"approved", "denied"} else "replaced"
                await self._record(
                    Event("approval.closed", {"item": gate.item, "digest": gate.digest, "why": why}, step=step)
                )
        return any(gate.closed == "denied" for gate in gates)

    def _stale(self, gate: Gate) -> bool:
        """Approved earlier and not acted upon until the approval's own end. (A human's answer does not age.)"""
        if gate.request["kind"] == "answer" or self._state.item(gate.step, gate.item).intent is not None:
            return False
        return self._around.now() >= parse_rfc3339(gate.request["expires_at"])

    def verdict(self, gate: Gate) -> str:
        """``pending``, ``approved``, ``denied`` or ``expired``, by the rules of :mod:`tenantry.approvals`."""
        return evaluate(
            as_request(self._state, gate),
            as_decisions(self._state, gate),
            self._around.people(),
            now=self._around.now(),
        )


def refuse_denied(gate: Gate) -> None:
    """Raises ApprovalDenied when the question was answered with no."""
    if gate.closed == "denied":
        denial = next(d for d in reversed(gate.decisions) if d["decision"] == "deny")
        raise ApprovalDenied(f"denied by {denial['by']}: {denial['reason'] or 'no reason given'}")
