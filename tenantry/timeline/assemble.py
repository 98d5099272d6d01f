"""A run's record → its timeline: events in order, steps, decisions, findings, clocks, turning points, durations.

Everything is a recorded fact or follows from one by a rule that is stated beside it (``basis``). What is not recorded is
not known, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tenantry.clock import parse_rfc3339
from tenantry.timeline.acts import attacker_events
from tenantry.timeline.events import RELATED, events
from tenantry.timeline.known import Book, Labels
from tenantry.timeline.linked import opened, opener
from tenantry.timeline.model import (
    ClockRow,
    ClockState,
    Decision,
    EvidenceRow,
    Finding,
    RecordFacts,
    StepRow,
    Timeline,
    Verdict,
)
from tenantry.timeline.story import durations, moments, summary, unknowns
from tenantry.timeline.words import human_name, moment

if TYPE_CHECKING:
    from tenantry.journal import Journal, Record
    from tenantry.run.state import Gate, ItemState, RunState
    from tenantry.runbook import Runbook

__all__ = ["build", "related"]

_OPEN: Final = ("limits", "caveats", "not_known")
"""Lists of an output in which a step says what it could not see, and what holds all the same."""
_SEVERITIES: Final = ("low", "medium", "high", "critical")


def build(
    state: RunState,
    records: Iterable[Record],
    *,
    runbook: Runbook | None = None,
    live: bool = False,
    around: Iterable[Record] = (),
    tenant_title: str = "",
) -> Timeline:
    """The timeline of one run.

    Args:
        state: folded from the same records.
        records: everything recorded of the run, in order (``Journal.records``).
        runbook: the run's pinned runbook; without it steps have neither titles nor phases.
        live: some process owns the run right now (``Journal.live``).
        around: what belongs to no run and happened meanwhile (:func:`related`).
        tenant_title: the client's name as people write it; the tenant's short name when empty.
    """
    book, labels = Book.of(runbook), Labels(state.expansions)
    own = list(records)
    listed = list(events([*own, *around], book))
    attacks, unreadable = attacker_events(own, book)
    ordered = sorted([*listed, *attacks], key=lambda event: event.order)
    steps = _steps(state, runbook, book, labels)
    facts = _record(state, own)
    decisions = [_decision(gate, labels) for gate in state.gates.values()]
    turning = moments(state, ordered, steps)
    timeline = Timeline(
        run_id=state.run_id,
        tenant=state.tenant,
        tenant_title=tenant_title or state.tenant,
        runbook=state.runbook,
        version=state.version,
        title=runbook.title if runbook is not None else human_name(state.runbook),
        kind=runbook.kind if runbook is not None else "",
        subject=state.subject,
        severity=_severity(state),
        status=state.status(live=live).value,
        mode=state.mode,
        requested_by=str(state.requester.get("person") or state.requester.get("name") or ""),
        requester_proven=bool(state.requester.get("proven")),
        opened_by=opener(state.requester),
        opened=opened(steps),
        started_at=state.created_at,
        ended_at=state.ended_at,
        attempts=state.attempt,
        phases=tuple(runbook.phases) if runbook is not None else (),
        attack=tuple(runbook.attack) if runbook is not None else (),
        params=dict(state.params),
        record=facts,
        events=ordered,
        steps=steps,
        decisions=decisions,
        findings=_findings(state, book),
        evidence=_evidence(state),
        clocks=_clocks(state, facts.as_of),
        moments=turning,
        durations=durations(turning, ordered, decisions),
        step_titles={step: book.title(step) for step in book.titles},
    )
    return _told(timeline, [*unreadable, *_limits(state)])


def related(journal: Journal, state: RunState, records: Sequence[Record]) -> list[Record]:
    """What was recorded of no run while this one was under way: freezes, a clock that stepped back."""
    from tenantry.journal import MSP  # not at the top: reading a timeline's model needs no database

    if not records:
        return []
    first, last = records[0], records[-1]
    found = [
        record
        for record in journal.tail(state.tenant, after=first.entry.seq - 1, limit=last.entry.seq - first.entry.seq + 1)
        if record.event in RELATED and record.entry.fields.get("run_id") is None
    ]
    found += [
        record
        for record in journal.tail(MSP)
        if record.event in ("freeze", "unfreeze") and first.at <= record.at <= last.at
    ]
    return found


def _told(timeline: Timeline, limits: Sequence[str]) -> Timeline:
    return replace(timeline, summary=summary(timeline), unknown=[*unknowns(timeline), *limits])


def _severity(state: RunState) -> str:
    """From the parameters; a later assessment by a step counts more."""
    found = str(state.params.get("severity") or "")
    for item in state.items.values():
        if isinstance(item.output, Mapping) and str(item.output.get("severity") or "") in _SEVERITIES:
            found = str(item.output["severity"])
    return found


def _record(state: RunState, records: Sequence[Record]) -> RecordFacts:
    first, last = records[0].entry, records[-1].entry
    return RecordFacts(
        tree=str(first.fields["tree"]),
        first_seq=first.seq,
        last_seq=last.seq,
        entries=len(records),
        last_leaf=last.leaf.hex(),
        as_of=last.at,
        erased=sum(record.payload is None for record in records),
        runbook_digest=state.runbook_digest,
    )


# --- steps ------------------------------------------------------------------------------------------------------------


def _steps(state: RunState, runbook: Runbook | None, book: Book, labels: Labels) -> list[StepRow]:
    approvals = _approvals(state)
    if runbook is None:
        return [_step_row(item, book, approvals, labels) for item in state.items.values()]
    by_step: dict[str, list[ItemState]] = {}
    for item in state.items.values():
        by_step.setdefault(item.step, []).append(item)
    rows: list[StepRow] = []
    for step in runbook.steps:
        items = [item for item in by_step.get(step.id, ()) if item.item is not None or step.for_each is None]
        if items:
            rows.extend(_step_row(item, book, approvals, labels) for item in items)
        else:
            rows.append(_not_begun(state, step.id, book, approvals))
    return rows


def _step_row(item: ItemState, book: Book, approvals: Mapping[Any, list[str]], labels: Labels) -> StepRow:
    error = item.error or {}
    outcome = item.outcome.value if item.outcome else ""
    note = item.note or ""
    if item.undo and item.undo.get("why"):
        note = f"{note}; not undone: {item.undo['why']}".removeprefix("; ")
    if item.in_doubt:
        note = f"{note}; intended, and not yet known whether it happened".removeprefix("; ")
    return StepRow(
        phase=book.phases.get(item.step, ""),
        step=item.step,
        title=book.title(item.step),
        task=book.tasks.get(item.step, ""),
        item=labels.of(item.step, item.item),
        outcome=outcome,
        started_at=item.started_at,
        finished_at=item.finished_at,
        attempts=item.attempts,
        changes=[change.model_dump(mode="json") for change in item.changes],
        approvals=approvals.get((item.step, item.item), [])
        + (approvals.get((item.step, None), []) if item.item else []),
        error=f"{error.get('message', '')} [{error.get('code', '')}]" if error else "",
        remedy=str(error.get("remedy") or ""),
        note=note,
    )


def _not_begun(state: RunState, step: str, book: Book, approvals: Mapping[Any, list[str]]) -> StepRow:
    error = state.step_errors.get(step)
    skipped = state.whens.get(step) is False or state.expansions.get(step) == []
    note = ""
    if state.whens.get(step) is False:
        note = "its condition was false"
    elif skipped:
        note = "there was nothing to do it to"
    at = parse_rfc3339(error["at"]) if error else None
    return StepRow(
        phase=book.phases.get(step, ""),
        step=step,
        title=book.title(step),
        task=book.tasks.get(step, ""),
        item="",
        outcome="failed" if error else "skipped" if skipped else "",
        started_at=at,
        finished_at=at,
        attempts=0,
        changes=(),
        approvals=approvals.get((step, None), []),
        error=f"{error.get('message', '')} [{error.get('code', '')}]" if error else "",
        remedy=str(error.get("remedy") or "") if error else "",
        note=note,
    )


def _approvals(state: RunState) -> dict[tuple[str, str | None], list[str]]:
    found: dict[tuple[str, str | None], list[str]] = {}
    for gate in state.gates.values():
        words = found.setdefault((gate.step, gate.item), [])
        for decision in gate.decisions:
            yes = decision["decision"] == "approve"
            verb = ("yes" if yes else "no") if gate.request["kind"] == "answer" else ("approved" if yes else "denied")
            reason = f": {decision['reason']}" if decision.get("reason") else ""
            words.append(f"{verb} by {decision['by']}, {moment(parse_rfc3339(decision['at']))}{reason}")
        if not gate.decisions:
            words.append(f"asked of {gate.request['role']}, {gate.closed or 'no answer yet'}")
    return found


def _decision(gate: Gate, labels: Labels) -> Decision:
    request = gate.request
    return Decision(
        step=gate.step,
        item=labels.of(gate.step, gate.item),
        kind=str(request["kind"]),
        question=str(request["question"]),
        role=str(request["role"]),
        four_eyes=bool(request["four_eyes"]),
        reasons=[str(reason) for reason in request["reasons"]],
        asked_at=gate.requested_at,
        expires_at=parse_rfc3339(request["expires_at"]) if request.get("expires_at") else None,
        closed=gate.closed or "",
        answers=[{**decision, "at": parse_rfc3339(decision["at"])} for decision in gate.decisions],
        digest=gate.digest,
    )


# --- what was found ---------------------------------------------------------------------------------------------------


def _outputs(state: RunState) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for item in state.items.values():
        if isinstance(item.output, Mapping):
            yield item.step, item.output


def _findings(state: RunState, book: Book) -> list[Finding]:
    """From every output that holds ``kept`` and ``for_person``: those lists, and as attributed every other list of things
    with a ``kind`` and a ``reason``."""
    results = _results(state)
    found: dict[tuple[str, str], Finding] = {}
    for step, output in _outputs(state):
        if not (isinstance(output.get("kept"), list) and isinstance(output.get("for_person"), list)):
            continue
        for name, rows in output.items():
            verdict = Verdict(name) if name in ("kept", "for_person") else Verdict.ATTRIBUTED
            for row in rows if isinstance(rows, list) else ():
                if not isinstance(row, Mapping) or "kind" not in row or "reason" not in row:
                    continue
                key = str(row.get("id") or row.get("label") or row.get("object_id"))
                found[step, key] = Finding(
                    verdict=verdict,
                    kind=str(row["kind"]),
                    label=str(row.get("label") or key),
                    owner=str(row.get("upn") or row.get("account") or ""),
                    reason=str(row["reason"]),
                    confidence=str(row.get("confidence") or ""),
                    source_ids=[str(id) for id in row.get("evidence_ids") or ()],
                    step=book.title(step),
                    result=results.get(key, "") if verdict is Verdict.ATTRIBUTED else "",
                )
    return sorted(found.values(), key=lambda finding: list(Verdict).index(finding.verdict))


def _results(state: RunState) -> dict[str, str]:
    """Item → the last outcome of an effect on it; reads say nothing about what was done to a thing."""
    results: dict[str, str] = {}
    for item in state.items.values():
        if item.item is not None and item.outcome is not None and item.outcome.value != "observed":
            results[item.item] = item.outcome.value
    return results


def _limits(state: RunState) -> list[str]:
    """What the analyses say that they could not see."""
    seen: dict[str, None] = {}
    for _, output in _outputs(state):
        for name in _OPEN:
            listed = output.get(name)
            for limit in listed if isinstance(listed, list) else ():
                seen.setdefault(str(limit), None)
    return list(seen)


def _evidence(state: RunState) -> list[EvidenceRow]:
    rows: dict[tuple[str, str, str], EvidenceRow] = {}
    for reference in state.evidence:
        key = (str(reference["name"]), str(reference["sha256"]), str(reference.get("step") or ""))
        rows.setdefault(
            key,
            EvidenceRow(
                name=key[0],
                sha256=key[1],
                size=int(reference["size"]),
                rows=None if reference.get("rows") is None else int(reference["rows"]),
                step=key[2],
                at=parse_rfc3339(reference["at"]),
            ),
        )
    return list(rows.values())


def _clocks(state: RunState, as_of: datetime) -> list[ClockRow]:
    rows = []
    for clock in state.clocks.values():
        started, due = parse_rfc3339(clock["started_at"]), parse_rfc3339(clock["due_at"])
        stopped = parse_rfc3339(clock["stopped_at"]) if clock.get("stopped_at") else None
        seen = stopped or as_of
        if stopped is not None:
            how = ClockState.MET if stopped <= due else ClockState.MISSED
        else:
            how = ClockState.RUNNING if as_of <= due else ClockState.OVERDUE
        rows.append(
            ClockRow(
                name=str(clock["name"]),
                started_at=started,
                due_at=due,
                stopped_at=stopped,
                source=str(clock.get("source") or ""),
                duty=", ".join(str(clock[name]) for name in ("who", "what") if clock.get(name)),
                determined_by=str(clock.get("determined_by") or ""),
                state=how,
                margin=due - seen,
                seen_at=seen,
            )
        )
    return sorted(rows, key=lambda row: (row.due_at, row.name))
