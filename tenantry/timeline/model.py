"""A timeline: what the attacker, people and the platform did, in one order, each event with its source.

Plain values, ready for any format. :func:`tenantry.timeline.assemble.build` makes one from a run's record; the
``export_*`` modules write it. Everything comes from the record, and nothing from the machine or the moment of the export:
the same record gives the same bytes.

Times are aware, UTC, with microseconds.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

__all__ = [
    "ClockRow",
    "ClockState",
    "Decision",
    "Duration",
    "EvidenceRow",
    "Finding",
    "Lane",
    "Moment",
    "RecordFacts",
    "StepRow",
    "Timeline",
    "TimelineEvent",
    "Verdict",
]


class Lane(enum.StrEnum):
    """Who acted."""

    ATTACKER = "attacker"
    PEOPLE = "people"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One event. Texts are as recorded, so hostile: each format makes them harmless in its own way."""

    at: datetime
    """When it happened: for people's notes what they said, for attackers what the tenant's log says."""
    recorded_at: datetime
    """When it came into the record."""
    lane: Lane
    kind: str
    """For filters: ``sign_in``, ``approved``, ``changed`` …"""
    title: str
    seq: int
    """Of the entry in the tenant's tree; for an attacker's event, the entry of the step that found it."""
    entry: str
    """Id of that entry."""
    leaf: str
    """Hash of that entry in the Merkle tree, hex (RFC 6962)."""
    detail: str = ""
    actor: str = ""
    target: str = ""
    step: str = ""
    phase: str = ""
    outcome: str = ""
    source: str = "journal"
    source_id: str = ""
    """The source's own id of the event: the journal entry's, or the log's."""
    certainty: str = "observed"
    """``observed``, ``attributed``, ``uncertain``; for what a person said about another time, ``stated``."""
    techniques: tuple[str, ...] = ()
    span: bool = False
    """The event took from ``at`` to ``recorded_at`` (an interruption is only known to lie between the two)."""

    @property
    def after_record(self) -> bool:
        """Its own time is later than the record of it: one of the clocks, or the statement, is wrong."""
        return self.at > self.recorded_at

    @property
    def order(self) -> tuple[datetime, int, int]:
        """Time, then number in the record; of one entry, the interruption that it ended comes first, what it found last."""
        return self.at, self.seq, 0 if self.span else 2 if self.lane is Lane.ATTACKER else 1


@dataclass(frozen=True, slots=True)
class StepRow:
    """One item of one step; ``outcome`` empty: not begun."""

    phase: str
    step: str
    title: str
    task: str
    item: str
    outcome: str
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    changes: Sequence[Mapping[str, Any]]
    """``{path, before, after}``."""
    approvals: Sequence[str]
    """Who answered what, in words."""
    error: str = ""
    remedy: str = ""
    note: str = ""

    @property
    def took(self) -> timedelta | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at


@dataclass(frozen=True, slots=True)
class Decision:
    """A question to people, and their answers."""

    step: str
    item: str
    kind: str
    """``approval`` or ``answer``."""
    question: str
    role: str
    four_eyes: bool
    reasons: Sequence[str]
    asked_at: datetime
    expires_at: datetime | None
    closed: str
    """``approved``, ``denied``, ``expired``, ``replaced``, ``answered``; empty while open."""
    answers: Sequence[Mapping[str, Any]]
    """``{at, by, decision, reason, method}``, oldest first; ``at`` is a datetime."""
    digest: str
    """SHA-256 that binds the answers to the arguments asked about."""


class Verdict(enum.StrEnum):
    """Whose a thing is that was found."""

    ATTRIBUTED = "attributed"
    KEPT = "kept"
    FOR_PERSON = "for_person"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the analysis looked at, and whose it is."""

    verdict: Verdict
    kind: str
    label: str
    owner: str
    reason: str
    confidence: str
    source_ids: Sequence[str]
    step: str
    result: str = ""
    """Outcome of the step that took it away, where there is one."""


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    name: str
    sha256: str
    size: int
    rows: int | None
    step: str
    at: datetime


class ClockState(enum.StrEnum):
    MET = "met"
    MISSED = "missed"
    RUNNING = "running"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class ClockRow:
    """A notification clock, as it stands at the end of the record."""

    name: str
    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None
    source: str
    state: ClockState
    margin: timedelta
    """Left until it was due, when it stopped or at the end of the record; negative: too late."""
    seen_at: datetime
    """When it stopped, or the end of the record."""
    duty: str = ""
    """Who tells whom, and what."""
    determined_by: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """A turning point: ``compromised``, ``discovered``, ``access_cut``, ``contained``, ``recovered``, ``ended``."""

    key: str
    label: str
    at: datetime
    basis: str
    """Which recorded fact says so."""


@dataclass(frozen=True, slots=True)
class Duration:
    """One of VERIS' durations (https://verisframework.org/incident-desc.html, timeline). ``value`` None: not known, and
    ``basis`` says why."""

    key: str
    label: str
    value: timedelta | None
    basis: str


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """Where in the record this is."""

    tree: str
    first_seq: int
    last_seq: int
    entries: int
    last_leaf: str
    as_of: datetime
    """Time of the last entry."""
    erased: int
    """Entries whose content was erased on purpose; they are shown by their name and time alone."""
    runbook_digest: str
    checkpoint: str = ""
    """A signed checkpoint that covers these entries (C2SP signed note); empty when there is none."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything an export shows. ``events`` are in order; formats read them once, from the first to the last."""

    run_id: str
    tenant: str
    tenant_title: str
    runbook: str
    version: str
    title: str
    kind: str
    subject: str
    severity: str
    status: str
    mode: str
    requested_by: str
    """Who asked for the run; empty: not known."""
    requester_proven: bool
    started_at: datetime
    ended_at: datetime | None
    attempts: int
    phases: Sequence[str]
    attack: Sequence[str]
    params: Mapping[str, Any]
    record: RecordFacts
    events: Iterable[TimelineEvent]
    steps: Sequence[StepRow] = ()
    decisions: Sequence[Decision] = ()
    findings: Sequence[Finding] = ()
    evidence: Sequence[EvidenceRow] = ()
    clocks: Sequence[ClockRow] = ()
    moments: Sequence[Moment] = ()
    durations: Sequence[Duration] = ()
    summary: Sequence[str] = ()
    """What happened, in plain sentences."""
    opened_by: str = ""
    """The run that found what this one answers, and its runbook; empty: none."""
    opened: Sequence[str] = ()
    """Runs that this one opened, and their runbooks."""
    unknown: Sequence[str] = ()
    """What is not known, in plain sentences. Unknown is never clean."""
    step_titles: Mapping[str, str] = field(default_factory=dict)

    def moment(self, key: str) -> Moment | None:
        return next((moment for moment in self.moments if moment.key == key), None)
