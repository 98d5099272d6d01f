"""What the record says of one run: folded from its entries, in order, and nothing else."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tenantry.clock import parse_rfc3339
from tenantry.journal import Record
from tenantry.task import Change, Outcome

START: Final = "run.start"
"""Where a step's id stands elsewhere: the question whether a run is meant that nobody proved to have started. No step of a
runbook can have this id."""


class Status(enum.StrEnum):
    """Of a run. Derived from its steps, never set by hand."""

    RUNNING = "running"
    WAITING = "waiting_for_approval"
    INTERRUPTED = "interrupted"
    PAUSED = "paused_by_failed_step"
    PLANNED = "planned"
    COMPLETED = "completed"
    EXCEPTIONS = "completed_with_exceptions"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNDONE = "undone"

    @property
    def ended(self) -> bool:
        """Nothing is left to resume."""
        return self in _ENDED


_ENDED = frozenset(
    {Status.PLANNED, Status.COMPLETED, Status.EXCEPTIONS, Status.FAILED, Status.CANCELLED, Status.UNDONE}
)


@dataclass(slots=True)
class Intent:
    """An effect about to be made: durable before it is."""

    changes: list[Change]
    arguments: Mapping[str, Any]
    at: datetime
    deadline: datetime


@dataclass(slots=True)
class ItemState:
    """One item of one step (``item`` None: the step has no ``for_each``)."""

    step: str
    item: str | None
    value: Any = None
    """What ``for_each`` gave for this item."""
    outcome: Outcome | None = None
    attempts: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    changes: list[Change] = field(default_factory=list)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    output: Any = None
    error: Mapping[str, Any] | None = None
    note: str | None = None
    throttled: Mapping[str, Any] | None = None
    """``{times, seconds}``: how vendors that throttle slowed it in its newest attempt; None: they did not."""
    intent: Intent | None = None
    """The first intent whose effect was not yet proven; its ``before`` values are the true ones."""
    in_doubt: bool = False
    """Intended, and no outcome recorded since."""
    undo: Mapping[str, Any] | None = None
    failures: int = 0
    """How often it ended without success."""
    decided: Mapping[str, Any] | None = None
    """``{choice, by, reason}``: a person's decision over its failure; ``choice`` is ``by_hand`` or ``left_out``."""

    @property
    def done(self) -> bool:
        return self.outcome is not None and (self.outcome.final or self.outcome is Outcome.SKIPPED)


@dataclass(slots=True)
class Gate:
    """A question to people: an approval, or a human task. Bound to step, item and a digest of the arguments."""

    step: str
    item: str | None
    digest: str
    request: Mapping[str, Any]
    decisions: list[Mapping[str, Any]] = field(default_factory=list)
    closed: str | None = None
    """``approved``, ``denied``, ``expired``, ``replaced``, ``answered``; ``arrived``: what was waited for came from outside."""
    arrival: Mapping[str, Any] | None = None
    """From whom, and when, if it arrived."""
    reminded: int = 0
    """How many of its reminders are over: sent, or passed over because a later one was due as well."""

    @property
    def requested_at(self) -> datetime:
        return parse_rfc3339(self.request["requested_at"])

    @property
    def reminders(self) -> list[datetime]:
        """When who is asked is reminded; the last one is the escalation. Empty: never."""
        return [parse_rfc3339(at) for at in self.request.get("remind_at", ())]

    @property
    def next_due(self) -> datetime:
        """When something is to be done about it although nobody answered: the next reminder, else its end."""
        ahead = self.reminders[self.reminded :]
        end = parse_rfc3339(self.request["expires_at"])
        return min(ahead[0], end) if ahead else end


@dataclass(slots=True)
class RunState:
    run_id: str
    tenant: str
    runbook: str
    version: str
    runbook_text: str
    runbook_digest: str
    params: Mapping[str, Any]
    mode: str
    subject: str
    requester: Mapping[str, Any]
    created_at: datetime
    attempt: int = 0
    flow_run_id: str | None = None
    items: dict[tuple[str, str | None], ItemState] = field(default_factory=dict)
    expansions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Step → ``[{key, value}]``: the list its ``for_each`` gave, once and for all."""
    whens: dict[str, bool] = field(default_factory=dict)
    settled_at: dict[str, int] = field(default_factory=dict)
    """Step → the place, among the run's entries, of the newest that settled something of it: a list, a condition, an item that is done."""
    decided_at: dict[tuple[str, str], int] = field(default_factory=dict)
    """Step and ``when`` or ``for_each`` → the place of the entry that says what it gave."""
    gates: dict[tuple[str, str | None, str], Gate] = field(default_factory=dict)
    step_errors: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Errors before a step had items: an expression that failed, a list that could not be expanded."""
    evidence: list[Mapping[str, Any]] = field(default_factory=list)
    notes: list[Mapping[str, Any]] = field(default_factory=list)
    refusals: list[Mapping[str, Any]] = field(default_factory=list)
    """Answers that were refused: a wrong code, or somebody who may not give them."""
    clocks: dict[str, dict[str, Any]] = field(default_factory=dict)
    cancel_requested: Mapping[str, Any] | None = None
    stopped: Status | None = None
    """How the newest attempt left the run when it did not end it: waiting or paused."""
    ended: Status | None = None
    ended_at: datetime | None = None
    recoveries: int = 0
    """How often the run was taken up again by itself since a step was last settled, or since that was given up."""
    recovered_at: datetime | None = None
    begun_at: datetime | None = None
    """When its newest attempt began."""
    interruptions: list[tuple[datetime, datetime]] = field(default_factory=list)
    """From the last entry of an attempt that left without a word (killed, power gone) to the one that took over."""
    restarts: list[Mapping[str, Any]] = field(default_factory=list)
    """Processes of the service that ended under it and were started again."""
    worked_at: datetime | None = None
    """The newest entry of whoever carries it, and not of who looks after it or answers."""
    last_entry_at: datetime | None = None
    journal_size: int = 0
    erased: int = 0
    """Entries whose payload was erased: what they say is not known any more."""

    def item(self, step: str, item: str | None) -> ItemState:
        """The item's state, made when it is new."""
        return self.items.setdefault((step, item), ItemState(step, item))

    def items_of(self, step: str) -> list[ItemState]:
        return [state for (name, _), state in self.items.items() if name == step]

    @property
    def start_unproven(self) -> bool:
        """Nobody stands for it: it came in through Prefect's API, whose one credential says nothing about who used it, or a sweep
        opened it."""
        return self.requester.get("via") in ("prefect", "sweep") and not self.requester.get("proven")

    @property
    def started_itself(self) -> bool:
        """An alert started it: until somebody has approved something in it, it does what the client agreed to, and no more
        (`tenantry.run.unattended`)."""
        return self.requester.get("via") == "alert" and not self.requester.get("proven")

    @property
    def vouched(self) -> bool:
        """Somebody, proven by a code, has approved something in this run."""
        return any(gate.closed == "approved" for gate in self.gates.values())

    @property
    def starter(self) -> str | None:
        """Who proved that the run is meant, when its requester did not."""
        for gate in self.gates.values():
            if gate.step == START and gate.closed == "approved":
                return next((str(d["by"]) for d in reversed(gate.decisions) if d["decision"] == "approve"), None)
        return None

    def overtaken(self, step: str, what: str, upstream: Iterable[str]) -> bool:
        """Whether something that the step is computed from was settled after what its ``when`` or ``for_each`` gave was recorded.
        That happens where it went on without what had failed, and a later attempt mended that."""
        place = self.decided_at.get((step, what))
        return place is not None and any(self.settled_at.get(name, 0) > place for name in upstream)

    def open_gates(self) -> list[Gate]:
        """Questions that are neither decided nor closed by an outcome."""
        return [gate for gate in self.gates.values() if gate.closed is None]

    def status(self, *, live: bool) -> Status:
        """``live``: some process owns the run right now."""
        if self.ended is not None:
            return self.ended
        if live:
            return Status.RUNNING
        return self.stopped or Status.INTERRUPTED

    def apply(self, record: Record) -> None:
        """Take one more entry into account. Unknown events are kept by the record and ignored here."""
        self.journal_size += 1
        self.last_entry_at = record.at
        handler = _HANDLERS.get(record.event)
        if record.payload is None:
            self.erased += 1
            handler = _ERASED.get(record.event)
        if handler is not None:
            handler(self, record)
        if record.event == "run.attempt" or record.event.startswith("step."):
            self.worked_at = record.at


def _attempt(state: RunState, record: Record) -> None:
    if state.attempt and state.stopped in (None, Status.INTERRUPTED):
        state.interruptions.append((state.worked_at or state.created_at, record.at))
    state.attempt = int(record.data["attempt"])
    state.begun_at = record.at
    state.flow_run_id = record.data.get("flow_run_id") or state.flow_run_id
    state.stopped = None


def _stopped(state: RunState, record: Record) -> None:
    state.stopped = Status(str(record.outcome))
    state.recoveries = 0


def _scheduled(state: RunState, record: Record) -> None:
    state.flow_run_id = record.data.get("flow_run_id") or state.flow_run_id


def _recovered(state: RunState, record: Record) -> None:
    state.recoveries += 1
    state.recovered_at = record.at


def _restarted(state: RunState, record: Record) -> None:
    state.restarts.append({"at": record.entry.fields["ts"], "process": record.data["process"]})


def _when(state: RunState, record: Record) -> None:
    state.whens[str(record.step)] = bool(record.data["value"])
    _decided_now(state, str(record.step), "when")
    state.step_errors.pop(str(record.step), None)


def _expanded(state: RunState, record: Record) -> None:
    state.expansions[str(record.step)] = list(record.data["items"])
    _decided_now(state, str(record.step), "for_each")
    state.step_errors.pop(str(record.step), None)
    for item in record.data["items"]:
        state.item(str(record.step), item["key"]).value = item["value"]


def _decided_now(state: RunState, step: str, what: str) -> None:
    state.decided_at[step, what] = state.settled_at[step] = state.journal_size


def _step_error(state: RunState, record: Record) -> None:
    state.step_errors[str(record.step)] = {**record.data["error"], "at": record.entry.fields["ts"]}


def _intent(state: RunState, record: Record) -> None:
    item = state.item(str(record.step), record.data.get("item"))
    changes = [Change.model_validate(change) for change in record.data["changes"]]
    item.intent = Intent(
        changes=changes,
        arguments=record.data["arguments"],
        at=item.intent.at if item.intent else record.at,
        deadline=parse_rfc3339(record.data["deadline"]),
    )
    item.arguments = record.data["arguments"]
    item.in_doubt = True
    item.started_at = item.started_at or record.at
    item.attempts += 1


def _outcome(state: RunState, record: Record) -> None:
    data = record.data
    state.recoveries = 0
    item = state.item(str(record.step), data.get("item"))
    if not item.in_doubt:
        item.attempts += 1
    item.outcome = Outcome(str(record.outcome))
    item.started_at = item.started_at or parse_rfc3339(data["started_at"])
    item.finished_at = record.at
    item.changes = [Change.model_validate(change) for change in data.get("changes", [])]
    item.arguments = data.get("arguments", item.arguments)
    item.output = data.get("output")
    if not data.get("decided"):  # what a person decided over stays beside the decision
        item.error = data.get("error")
    item.note = data.get("note")
    item.throttled = data.get("throttled")
    item.decided = data.get("decided")
    item.failures += item.outcome in (Outcome.FAILED, Outcome.UNKNOWN)
    item.in_doubt = False
    if item.done:
        state.settled_at[item.step] = state.journal_size
    if item.outcome.final or data.get("nothing_sent"):
        item.intent = None
    state.step_errors.pop(str(record.step), None)
    for reference in data.get("evidence", []):
        state.evidence.append({**reference, "step": record.step, "at": record.entry.fields["ts"]})
    for clock in (item.output or {}).get("clocks", []) if isinstance(item.output, dict) else []:
        state.clocks[clock["name"]] = dict(clock)
    for gate in state.gates.values():
        if gate.step == record.step and gate.item == data.get("item") and gate.closed is None:
            gate.closed = "answered"


def _requested(state: RunState, record: Record) -> None:
    data = record.data
    key = (str(record.step), data.get("item"), str(data["digest"]))
    for gate in state.gates.values():  # a new question replaces an older, undecided one for the same item
        if gate.step == key[0] and gate.item == key[1] and gate.closed is None:
            gate.closed = "replaced"
    state.gates[key] = Gate(key[0], key[1], key[2], {**data, "requested_at": record.entry.fields["ts"]})


def _decided(state: RunState, record: Record) -> None:
    data = record.data
    gate = state.gates.get((str(record.step), data.get("item"), str(data["digest"])))
    if gate is not None:
        gate.decisions.append({**data, "at": record.entry.fields["ts"]})


def _closed(state: RunState, record: Record) -> None:
    gate = state.gates.get((str(record.step), record.data.get("item"), str(record.data["digest"])))
    if gate is not None:
        gate.closed = str(record.data["why"])


def _reminded(state: RunState, record: Record) -> None:
    gate = state.gates.get((str(record.step), record.data.get("item"), str(record.data["digest"])))
    if gate is not None:
        gate.reminded = int(record.data["number"])


def _arrived(state: RunState, record: Record) -> None:
    gate = state.gates.get((str(record.step), record.data.get("item"), str(record.data["digest"])))
    # What arrives answers a question that asks for it; it approves nothing.
    if gate is not None and gate.closed is None and gate.request["kind"] == "answer":
        gate.closed, gate.arrival = "arrived", {**record.data, "at": record.entry.fields["ts"]}


def _undo(state: RunState, record: Record) -> None:
    item = state.item(str(record.step), record.data.get("item"))
    item.undo = {**record.data, "at": record.entry.fields["ts"], "outcome": record.outcome}
    if record.outcome in (Outcome.UNDONE, Outcome.UNDO_FAILED):
        item.outcome = Outcome(str(record.outcome))
        item.error = record.data.get("error")
        item.finished_at = record.at


def _note(state: RunState, record: Record) -> None:
    state.notes.append({**record.data, "recorded_at": record.entry.fields["ts"]})


def _refused(state: RunState, record: Record) -> None:
    state.refusals.append({**record.data, "step": record.step, "at": record.entry.fields["ts"]})


def _clock(state: RunState, record: Record) -> None:
    for clock in record.data["clocks"]:
        state.clocks[clock["name"]] = {**state.clocks.get(clock["name"], {}), **clock}


def _cancel(state: RunState, record: Record) -> None:
    state.cancel_requested = {**record.data, "at": record.entry.fields["ts"]}


def _ended(state: RunState, record: Record) -> None:
    state.ended = Status(str(record.outcome))
    state.ended_at = record.at


_HANDLERS = {
    "run.attempt": _attempt,
    "step.when": _when,
    "step.expanded": _expanded,
    "step.error": _step_error,
    "step.intent": _intent,
    "step.outcome": _outcome,
    "approval.requested": _requested,
    "approval.decided": _decided,
    "approval.closed": _closed,
    "approval.refused": _refused,
    "approval.reminded": _reminded,
    "step.arrived": _arrived,
    "undo.outcome": _undo,
    "note": _note,
    "clocks": _clock,
    "run.cancel_requested": _cancel,
    "run.scheduled": _scheduled,
    "run.recovered": _recovered,
    "service.restarted": _restarted,
    "run.stopped": _stopped,
    "run.ended": _ended,
}


def _erased_outcome(state: RunState, record: Record) -> None:
    """An outcome that has lost everything but what stands in the entry itself: step, outcome, time. Whose it was is not known,
    so it never settles an item that is."""
    name = None if (record.step, None) not in state.items else f"(erased, entry {record.entry.seq})"
    item = state.item(str(record.step), name)
    item.outcome = Outcome(str(record.outcome))
    item.finished_at = record.at
    item.note = "the content of this entry was erased"


_ERASED = {"run.stopped": _stopped, "run.ended": _ended, "step.outcome": _erased_outcome}


def _erased_run(record: Record, tenant: str) -> RunState:
    """A run of whose first entry only the entry is left."""
    flow = record.entry.fields["flow"] or {"name": "", "version": ""}
    return RunState(
        run_id=record.entry.fields["run_id"],
        tenant=tenant,
        runbook=flow["name"],
        version=flow["version"],
        runbook_text="",
        runbook_digest="",
        params={},
        mode="",
        subject="",
        requester={},
        created_at=record.at,
        last_entry_at=record.at,
        erased=1,
    )


def fold(records: Iterable[Record], *, tenant: str = "") -> RunState:
    """The run's state from all of its records; the first must be ``run.created``.

    Args:
        tenant: whose run it is, for the case that the entry which says so was erased.
    """
    state: RunState | None = None
    for record in records:
        if record.event == "run.created" and record.payload is None:
            state = _erased_run(record, tenant)
        elif record.event == "run.created":
            data = record.data
            state = RunState(
                run_id=record.entry.fields["run_id"],
                tenant=data["tenant"],
                runbook=data["runbook"]["id"],
                version=data["runbook"]["version"],
                runbook_text=data["runbook"]["text"],
                runbook_digest=data["runbook"]["digest"],
                params=data["params"],
                mode=data["mode"],
                subject=data["subject"],
                requester=data["requester"],
                created_at=record.at,
                last_entry_at=record.at,
            )
            if data.get("flow_run_id"):
                state.flow_run_id = data["flow_run_id"]
        elif state is not None:
            state.apply(record)
    if state is None:
        raise ValueError("the records hold no run.created entry")
    return state
