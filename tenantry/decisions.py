"""Giving an answer to an open question of a run: who, proven how, recorded before it counts.

The command line, the pages and Prefect's form all come through here, so that the same rules hold in every door:
`prove` checks the person's code, `decide` checks that this person may answer this question, and both record a refusal
(``approval.refused``) in the run it was tried on. What the answers amount to is judged later, by the engine, from the
record alone (`tenantry.approvals.evaluate`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal

from pydantic import SecretStr

from tenantry.approvals import admit
from tenantry.errors import Conflict, InvalidInput, NotFound, Refused
from tenantry.journal import Entry, Event, Journal
from tenantry.people import PROOF_LIFE, Authenticated, People
from tenantry.run.gates import as_request
from tenantry.run.state import Gate, RunState

__all__ = ["Answer", "approval_purpose", "decide", "decide_all", "open_gates", "prove"]

Answer = Literal["approve", "deny"]

_LONGEST_REASON: Final = 2_000
_FAILURES: Final = frozenset({"failure", "failed_look"})
"""Kinds of questions about a step that failed: of an effect, and of one that only looks, which nobody can do in its place."""


def approval_purpose(run_id: str) -> str:
    """The purpose that binds a proof to the questions of one run."""
    return f"approval:{run_id}"


def open_gates(state: RunState, step: str, items: Sequence[str] | None = ()) -> list[Gate]:
    """The open questions of a step.

    Args:
        step: the step's id.
        items: the items meant; empty when the step asks one question only; None for every item that it asks about.

    Raises:
        InvalidInput: the run has ended; or the step asks about several items and none was named.
        NotFound: no such question is open.
    """
    if state.ended is not None:
        raise InvalidInput(f"the run has ended ({state.ended.value}); nothing is asked any more", place="RUN")
    mine = [gate for gate in state.open_gates() if gate.step == step]
    if not mine:
        others = sorted({gate.step for gate in state.open_gates()})
        raise NotFound(
            f"{step!r} asks nothing now",
            place="STEP",
            remedy=f"Open now: {', '.join(others)}." if others else "Nothing is asked by this run now.",
        )
    if items is None:
        return mine
    if not items:
        if len(mine) > 1:
            named = ", ".join(gate.item or "the step itself" for gate in mine[:20])
            raise InvalidInput(
                f"{step!r} asks about several items: {named}",
                place="STEP",
                remedy="Name those that you mean with --item.",
            )
        return mine
    by_item = {gate.item: gate for gate in mine}
    missing = [item for item in items if item not in by_item]
    if missing:
        raise NotFound(f"{step!r} asks nothing about {', '.join(missing)}", place="--item")
    return [by_item[item] for item in dict.fromkeys(items)]


def prove(journal: Journal, people: People, state: RunState, person: str, code: str | SecretStr) -> Authenticated:
    """Check a person's code for answering questions of this run. A refusal is recorded in the run.

    Raises:
        NotAuthenticated: wrong or used code; unknown, disabled or locked person.
        OutOfScope: the tenant is not theirs.
    """
    try:
        return people.authenticate(person, code, purpose=approval_purpose(state.run_id), tenant=state.tenant)
    except Refused as error:
        _record(journal, state, _refusal(person, error))
        raise


def decide(
    journal: Journal,
    people: People,
    state: RunState,
    gate: Gate,
    authenticated: Authenticated,
    decision: Answer,
    reason: str = "",
) -> Entry:
    """Record one answer; see `decide_all`."""
    return decide_all(journal, people, state, [gate], authenticated, decision, reason)[0]


def decide_all(
    journal: Journal,
    people: People,
    state: RunState,
    gates: Sequence[Gate],
    authenticated: Authenticated,
    decision: Answer,
    reason: str = "",
    *,
    by_hand: bool = False,
) -> list[Entry]:
    """Record the same answer to several questions of a run: all of them, or none when one may not be given.

    Args:
        journal: where it is recorded, durable on return.
        people: who there is, as they are now.
        state: the run, read just before.
        gates: of this run.
        authenticated: from `prove`, at most five minutes ago, for this very run.
        decision: ``approve`` (yes, done) or ``deny`` (no).
        reason: in the approver's words; at most 2,000 characters.
        by_hand: a step that failed was done by hand: neither tried again nor left out.

    Raises:
        InvalidInput: the reason is too long, or lacks where something is left out or was done by hand; nothing of this can be done by hand.
        Refused: the proof is stale or was given for something else; or the approval rules forbid it
            (`tenantry.approvals.admit`), also ApprovalExpired, NotAuthenticated, OutOfScope.
        Conflict: the question was answered already, or by this person.
    """
    if len(reason) > _LONGEST_REASON:
        raise InvalidInput(f"at most {_LONGEST_REASON} characters", place="--reason")
    for gate in gates:
        _fits(gate, decision, reason, by_hand=by_hand)
    now = journal.clock.now()
    person = people.get(authenticated.person.id)
    for gate in gates:
        try:
            if authenticated.purpose != approval_purpose(state.run_id) or not (
                timedelta(0) <= now - authenticated.at <= PROOF_LIFE
            ):
                raise Refused(
                    "the proof is stale or was given for something else", remedy="Prove yourself again, for this run."
                )
            if gate.closed is not None:
                raise Conflict(
                    f"{gate.step!r} was answered already ({gate.closed})", remedy="See `tenantry runs show RUN`."
                )
            admit(as_request(state, gate), person, now)
            if any(earlier["by"] == person.id for earlier in gate.decisions):
                raise Conflict(
                    f"{person.id} has answered {gate.step!r} already", remedy="A second answer takes a second person."
                )
        except Refused as error:
            _record(journal, state, _refusal(person.id, error, gate))
            raise
    return _record(
        journal,
        state,
        *(
            (
                "approval.decided",
                gate.step,
                {
                    "item": gate.item,
                    "digest": gate.digest,
                    "by": person.id,
                    "decision": decision,
                    "reason": reason,
                    "method": authenticated.method,
                    **({"by_hand": True} if by_hand else {}),
                },
            )
            for gate in gates
        ),
    )


def _fits(gate: Gate, decision: Answer, reason: str, *, by_hand: bool) -> None:
    """Whether the answer is one to this kind of question."""
    kind = gate.request["kind"]
    if by_hand and (decision == "deny" or kind != "failure"):
        raise InvalidInput(f"{gate.step!r} asks about nothing that could have been done by hand", place="--by-hand")
    if kind in _FAILURES and not reason.strip() and (by_hand or decision == "deny"):
        raise InvalidInput(
            f"say why {gate.step!r} is left out, or what was done by hand",
            place="--reason",
            remedy="Give it with --reason; it stands in the record and in the report.",
        )


_Draft = tuple[str, str | None, Mapping[str, Any]]


def _refusal(person: str, error: Refused, gate: Gate | None = None) -> _Draft:
    payload: dict[str, Any] = {"person": person[:80], "why": error.code}
    if gate is not None:
        payload |= {"item": gate.item, "digest": gate.digest}
    return "approval.refused", gate.step if gate else None, payload


def _record(journal: Journal, state: RunState, *drafts: _Draft) -> list[Entry]:
    # Without a lease: an answer is not the owner's act, and must be possible while the run is executed.
    entries = journal.append(
        state.tenant,
        [
            Event(event, payload, state.run_id, step, state.attempt, flow=(state.runbook, state.version))
            for event, step, payload in drafts
        ],
    )
    return [entry for entry in entries if entry.event != "clock.stepped_back"]
