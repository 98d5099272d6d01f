"""What every runbook's flow does: carry the run through the engine, ask people through the Prefect UI, show what happened.

The journal decides everything; Prefect shows it. A flow run that is executed again (resumed, retried, on another machine)
starts from the top, and the engine skips what the record says is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from prefect import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext
from prefect.flow_runs import asuspend_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from pydantic import Field, SecretStr

from flows import artifacts
from flows.assembly import Installation
from flows.graph import PrefectSteps
from tenantry.clock import parse_rfc3339
from tenantry.decisions import decide_all, prove
from tenantry.errors import NotFound, Refused, TaskDefect
from tenantry.run import Engine, Gate, RunState, Status, create, waiting_view
from tenantry.runbook import validate_params

RUN_TAG = "run:"
"""Tag that ties a flow run to a run of the record that exists already (started on the command line, or resumed)."""


class Answer(RunInput):
    """The form that a suspended run shows. The code is one-time, and its copy in Prefect's database is deleted at once."""

    approver: str = Field(description="Your id, as `tenantry people list` shows it")
    code: SecretStr = Field(description="The current code of your authenticator app")
    decision: Literal["approve", "deny"] = Field(description="Approve (yes, done) or deny (no, not done)")
    reason: str = Field(default="", description="Why; stands in the record")


async def carry(runbook_id: str, parameters: Mapping[str, Any]) -> State[Any]:
    """The body of a runbook's flow.

    Args:
        parameters: the flow's: ``tenant``, ``mode``, ``requested_by``, and the runbook's own.

    Returns:
        a Prefect state named after the run's status. It is Completed only when the run is.
    """
    flow_run = FlowRunContext.get().flow_run  # type: ignore[union-attr]  # the body of a flow always has one
    if flow_run is None:
        raise TaskDefect("a runbook's flow was called outside of a flow run")
    with Installation.open() as installation:
        run_id = _begin(installation, runbook_id, parameters, flow_run)
        async with installation.access(parameters["tenant"], parameters["mode"], parameters) as access:
            engine = Engine(installation.surroundings(), access)
            while True:
                state = await engine.run(run_id, call=PrefectSteps(), flow_run_id=str(flow_run.id))
                await artifacts.publish(installation, state)
                if state.status(live=False) is not Status.WAITING:
                    return _final(state)
                await _ask(installation, state, flow_run.id)


def _begin(installation: Installation, runbook_id: str, parameters: Mapping[str, Any], flow_run: Any) -> str:
    """The id of the run to carry: the one that the flow run is tied to, or a new one with the flow run's own id."""
    tagged = next((tag.removeprefix(RUN_TAG) for tag in flow_run.tags if tag.startswith(RUN_TAG)), None)
    run_id = tagged or str(flow_run.id)
    try:
        installation.journal.run(run_id)
    except NotFound:
        if tagged is not None:
            raise
    else:
        return run_id
    runbook = installation.catalog.get(runbook_id)
    tenant = installation.tenants.get(parameters["tenant"])
    given = {name: value for name, value in parameters.items() if name in runbook.params}
    values = validate_params(runbook, given)
    create(
        installation.surroundings(),
        run_id=run_id,
        runbook=runbook,
        tenant=tenant.name,
        params=values,
        mode=parameters["mode"],
        requester={"person": parameters.get("requested_by") or None, "proven": False, "via": "prefect"},
        subject=runbook.subject_for({"params": values, "tenant": tenant.public()}),
        flow_run_id=str(flow_run.id),
    )
    return run_id


async def _ask(installation: Installation, state: RunState, flow_run_id: Any) -> None:
    """Suspend until somebody answers in the UI, then weigh the answer. The first call ends the process; when the run is
    resumed the same key gives the answer. A new key for each set of questions, so that no answer serves twice."""
    gates = _together(state.open_gates())
    waiting = [waiting_view(gate) for gate in gates]
    asked = installation.journal.records(state.run_id)
    key = f"answer-{sum(record.event.startswith('approval.') for record in asked)}"
    rest = min(parse_rfc3339(question["expires_at"]) for question in waiting) - datetime.now(UTC)
    answer = await asuspend_flow_run(
        wait_for_input=Answer.with_initial_data(description=_questions(waiting)),
        key=key,
        timeout=max(60, int((rest + timedelta(hours=1)).total_seconds())),
    )
    async with get_client() as client:
        await client.delete_flow_run_input(flow_run_id=flow_run_id, key=f"{key}-response")
    try:
        proof = prove(installation.journal, installation.people, state, answer.approver, answer.code)
        decide_all(installation.journal, installation.people, state, gates, proof, answer.decision, answer.reason)
    except Refused as refusal:
        # Counted and in the record; the form is shown again.
        get_run_logger().warning("answer refused: %s %s", refusal.message, refusal.remedy)


def _together(gates: list[Gate]) -> list[Gate]:
    """The questions that one form asks: all open approvals at once, because they belong to one decision; answers of people
    one at a time, because each has its own."""
    approvals = [gate for gate in gates if gate.request["kind"] == "approval"]
    return approvals or gates[:1]


def _questions(waiting: list[dict[str, Any]]) -> str:
    """Markdown for the form: what is asked of whom, and why."""
    lines = ["**Your answer is recorded with your name and cannot be taken back.**", ""]
    for question in waiting:
        target = f" — `{question['item']}`" if question["item"] else ""
        lines.append(f"### {artifacts.text(question['step'])}{target}")
        lines.append(artifacts.text(question["question"]))
        lines.extend(f"- ⚠ {artifacts.text(reason)}" for reason in question["reasons"])
        lines.extend(
            f"- `{artifacts.text(change['path'])}`: {artifacts.value(change['before'])} → {artifacts.value(change['after'])}"
            for change in question["changes"][:20]
        )
        lines.append(f"- asked of: **{question['role']}**, until {question['expires_at']}")
        lines.append("")
    return "\n".join(lines)


def _final(state: RunState) -> State[Any]:
    status = state.status(live=False)
    name = status.value.replace("_", " ").capitalize()
    if status in (Status.COMPLETED, Status.PLANNED, Status.UNDONE):
        return Completed(name=name, message=f"run {state.run_id}")
    if status is Status.CANCELLED:
        return State(type=StateType.CANCELLED, name=name, message=f"run {state.run_id}")
    return Failed(name=name, message=f"run {state.run_id}: see its steps table; `tenantry runs show {state.run_id}`")


__all__ = ["RUN_TAG", "Answer", "carry"]
