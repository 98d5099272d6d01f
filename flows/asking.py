"""Asking people through the Prefect UI: a flow run suspends with a form, and the answer is weighed before anything goes on.

Being resumed proves nothing: what counts is an answer with a name and a one-time code, weighed by the same rules as on the
command line and recorded. An answer is for exactly the questions that its form showed: their digest is part of the key under
which Prefect keeps it, and a random part keeps a key from ever serving twice.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Literal
from uuid import UUID

import rfc8785
from prefect import get_client
from prefect.client.schemas.objects import FlowRunInput
from prefect.exceptions import PrefectHTTPStatusError
from prefect.flow_runs import asuspend_flow_run
from prefect.input import RunInput
from prefect.input.run_input import Keyset, keyset_from_base_key
from prefect.logging import get_run_logger
from pydantic import Field, SecretStr, ValidationError

from flows import artifacts
from flows.assembly import Installation
from tenantry.clock import parse_rfc3339
from tenantry.decisions import decide_all, prove
from tenantry.errors import Refused, TenantryError
from tenantry.journal import Event
from tenantry.run import Gate, RunState, waiting_view

_KEY: Final = "answer-"
_STORED: Final = f"suspended-{_KEY}"
"""How Prefect's keys begin for the input of a suspension whose key begins with :data:`_KEY`."""
_GRACE: Final = timedelta(hours=1)
"""A form stands a little longer than its question, so that whoever is late is told so instead of finding nothing."""
_CHANGES: Final = 20


class Answer(RunInput):
    """The form that a suspended run shows. The code is one-time, and its copy in Prefect's database is deleted at once."""

    approver: str = Field(title="Who you are", description="Your id, as `tenantry people list` shows it", max_length=80)
    code: SecretStr = Field(title="Code", description="The code that your authenticator app shows now", max_length=32)
    decision: Literal["approve", "deny"] = Field(
        title="Decision", description="approve: yes, or done; deny: no, or not done"
    )
    reason: str = Field(default="", title="Reason", description="Why. Stands in the record.", max_length=2000)
    by_hand: bool = Field(
        default=False,
        title="Done by hand",
        description="For a step that failed: it was done by hand; the reason says what",
    )

    @classmethod
    async def asave(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> None:
        """Store what the form is made of, once: Prefect stores it again, behind the state that asks for it."""
        try:
            await super().asave(keyset, flow_run_id)
        except PrefectHTTPStatusError as error:
            if error.response.status_code != HTTPStatus.CONFLICT:
                raise


async def suspend(state: RunState) -> None:
    """End this process and show the form of the run's open questions; never returns normally.

    Raises:
        prefect.exceptions.Pause: always, and the flow must let it pass.
    """
    gates = together(state.open_gates())
    waiting = [waiting_view(gate) for gate in gates]
    rest = min(parse_rfc3339(question["expires_at"]) for question in waiting) - datetime.now(UTC)
    form = Answer.with_initial_data(description=questions(waiting))
    key = f"{digest(gates)}-{secrets.token_hex(4)}"
    # First, so that whoever sees the run suspended can answer it. A run that died between the two would never have a form.
    await form.asave(keyset_from_base_key(f"{_STORED}{key}"))
    await asuspend_flow_run(
        wait_for_input=form,
        key=f"{_KEY}{key}",
        timeout=max(60, int((rest + _GRACE).total_seconds())),
    )


async def weigh(installation: Installation, state: RunState, flow_run_id: UUID) -> None:
    """Take the answers that people left in Prefect since, delete them there, and record what they amount to.

    A refused answer (wrong code, not their role, not about what is asked now) is counted and recorded; the questions stay
    open, so the form is shown again.
    """
    async with get_client() as client:
        stored = await client.filter_flow_run_input(flow_run_id, _STORED, limit=200, exclude_keys=set())
        for kept in stored:
            # Before it is weighed: whatever happens next, the code does not stay there.
            await client.delete_flow_run_input(flow_run_id, kept.key)
    for answer in (kept for kept in stored if kept.key.endswith("-response")):
        await _take(installation, state.run_id, answer)


async def _take(installation: Installation, run_id: str, kept: FlowRunInput) -> None:
    state = installation.state(run_id)
    gates = together(state.open_gates())
    logger = get_run_logger()
    try:
        answer = Answer.load_from_flow_run_input(kept)
    except (ValidationError, ValueError, TypeError):
        # Written past the form. Its text is repeated nowhere: it may hold a code.
        _refused(installation, state, "", "invalid_input")
        logger.warning("an answer was refused: it does not have the form's fields")
        return
    if not gates or not kept.key.startswith(f"{_STORED}{digest(gates)}-"):
        _refused(installation, state, answer.approver, "conflict")
        logger.warning("an answer was refused: the questions are not those that its form showed")
        return
    try:
        proof = prove(installation.journal, installation.people, state, answer.approver, answer.code)
        decide_all(
            installation.journal,
            installation.people,
            state,
            gates,
            proof,
            answer.decision,
            answer.reason,
            by_hand=answer.by_hand,
        )
    except Refused as refusal:
        logger.warning("an answer was refused: %s %s", refusal.message, refusal.remedy)
    except TenantryError as error:
        _refused(installation, state, answer.approver, error.code)
        logger.warning("an answer was refused: %s %s", error.message, error.remedy)


def _refused(installation: Installation, state: RunState, person: str, why: str) -> None:
    payload = {"person": person[:80], "why": why}
    flow = (state.runbook, state.version)
    installation.journal.append(
        state.tenant, [Event("approval.refused", payload, state.run_id, attempt=state.attempt, flow=flow)]
    )


def together(gates: Sequence[Gate]) -> list[Gate]:
    """The questions that one form asks: all open approvals of one role at once, because they belong to one decision;
    answers of people one at a time, because each has its own."""
    approvals = [gate for gate in gates if gate.request["kind"] == "approval"]
    if approvals:
        return [gate for gate in approvals if gate.request["role"] == approvals[0].request["role"]]
    return list(gates[:1])


def digest(gates: Sequence[Gate]) -> str:
    """Of what is asked: steps, items, arguments."""
    asked = sorted([gate.step, gate.item or "", gate.digest] for gate in gates)
    return hashlib.sha256(rfc8785.dumps(asked)).hexdigest()[:16]


def questions(waiting: Sequence[dict[str, Any]]) -> str:
    """Markdown for the form: what is asked of whom, until when, and what would be changed."""
    lines: list[str] = []
    for question in waiting:
        target = f" — {artifacts.text(question['item'])}" if question["item"] else ""
        lines += [f"### {artifacts.text(question['step'].replace('_', ' '))}{target}", ""]
        lines += [artifacts.text(question["question"], 2000), ""]
        lines += [f"- **Asked because:** {artifacts.text(reason)}" for reason in question["reasons"]]
        lines += [
            f"- **Changes:** {artifacts.text(change['path'])}: {artifacts.value(change['before'])} → "
            f"{artifacts.value(change['after'])}"
            for change in question["changes"][:_CHANGES]
        ]
        more = len(question["changes"]) - _CHANGES
        if more > 0:
            lines.append(f"- and {more} changes more: `tenantry approvals list`")
        people = " Takes two people." if question["four_eyes"] else ""
        until = artifacts.moment(question["expires_at"])
        lines += [f"- **Asked of:** somebody with the role {question['role']}, until {until}.{people}", ""]
    lines.append("*Your answer stands in the record with your name.*")
    return "\n".join(lines)


__all__ = ["Answer", "digest", "questions", "suspend", "together", "weigh"]
