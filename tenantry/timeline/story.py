"""What a run's record adds up to: turning points, durations, and plain sentences for people who were not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tenantry.timeline.events import recorded_time
from tenantry.timeline.model import (
    ClockState,
    Decision,
    Duration,
    Finding,
    Lane,
    Moment,
    StepRow,
    Timeline,
    TimelineEvent,
    Verdict,
)
from tenantry.timeline.words import SLA, STATUSES, clip, human_name, plural, span, when

if TYPE_CHECKING:
    from tenantry.run.state import RunState

__all__ = ["durations", "moments", "summary", "unknowns"]

_EFFECT_GOOD = frozenset({"changed", "already"})
_NOT_EFFECTS: Final = ("messenger.", "human.")
_LATE: Final = (ClockState.MISSED, ClockState.OVERDUE)
_REPORTED: Final = ("reported_at", "detected_at", "discovered_at")


# --- turning points ---------------------------------------------------------------------------------------------------


def moments(state: RunState, events: Sequence[TimelineEvent], steps: Sequence[StepRow]) -> list[Moment]:
    """The turning points that the record shows, in order of time. One that is not there is not known."""
    found = [
        _compromised(state, events),
        _discovered(state),
        _phase_done(steps, "contain", "access_cut", "Access cut") if state.mode != "plan" else None,
        _contained(state),
        _phase_done(steps, "recover", "recovered", "Recovered") if state.mode != "plan" else None,
        Moment("ended", "Run ended", state.ended_at, "end of the run") if state.ended_at else None,
    ]
    return sorted((moment for moment in found if moment is not None), key=lambda moment: moment.at)


def _compromised(state: RunState, events: Sequence[TimelineEvent]) -> Moment | None:
    for event in events:
        if event.lane is Lane.ATTACKER and event.certainty != "uncertain":
            return Moment(
                "compromised", "Compromised", event.at, f"first act of the attacker: {clip(event.title, 120)}"
            )
    for item in state.items.values():
        first = item.output.get("first_attacker_activity") if isinstance(item.output, Mapping) else None
        at = recorded_time(first)
        if at is not None:
            return Moment("compromised", "Compromised", at, f"reported by the step {item.step}")
    return None


def _discovered(state: RunState) -> Moment:
    for name in _REPORTED:
        at = recorded_time(state.params.get(name))
        if at is not None:
            return Moment("discovered", "Reported", at, f"given as {name} when the run was requested")
    return Moment(
        "discovered", "Run requested", state.created_at, "the run was requested; no earlier report is recorded"
    )


def _contained(state: RunState) -> Moment | None:
    times = [
        item.finished_at
        for item in state.items.values()
        if item.finished_at is not None and isinstance(item.output, Mapping) and item.output.get("contained") is True
    ]
    return (
        Moment("contained", "Verified contained", min(times), "a check of every point, after the changes")
        if times
        else None
    )


def _phase_done(steps: Sequence[StepRow], phase: str, key: str, label: str) -> Moment | None:
    """When the last effect of a phase was verified; None if any of them is missing or in doubt."""
    rows = [row for row in steps if row.phase == phase and not row.task.startswith(_NOT_EFFECTS)]
    effects = [row for row in rows if row.outcome not in ("observed", "skipped")]
    if not effects or any(row.outcome not in _EFFECT_GOOD for row in effects):
        return None
    times = [row.finished_at for row in effects if row.finished_at is not None]
    return Moment(key, label, max(times), f"the last change of the phase {phase} was verified") if times else None


def durations(
    moments: Iterable[Moment], events: Iterable[TimelineEvent], decisions: Iterable[Decision]
) -> list[Duration]:
    """VERIS' durations and two of our own, from turning points alone; unknown where one of them is."""
    at = {moment.key: moment for moment in moments}
    stolen = next((e.at for e in events if e.lane is Lane.ATTACKER and e.kind == "exfiltration"), None)
    if stolen is not None:
        at["exfiltrated"] = Moment("exfiltrated", "Data taken", stolen, "first event of the kind exfiltration")
    found = [
        _between("dwell", "From compromise to discovery", at, "compromised", "discovered"),
        _between("exfiltration", "From compromise to data being taken", at, "compromised", "exfiltrated"),
        _between("cut", "From discovery to access cut", at, "discovered", "access_cut"),
        _between("containment", "From discovery to verified containment", at, "discovered", "contained"),
        _between("recovery", "From discovery to recovery", at, "discovered", "recovered"),
    ]
    waits = [answer["at"] - d.asked_at for d in decisions for answer in d.answers[-1:]]
    if waits:
        found.append(Duration("wait", "Longest wait for a person", max(waits), "from a question to its last answer"))
    return found


_MISSING: Final = {
    "compromised": "when the compromise began is not recorded",
    "exfiltrated": "whether data was taken is not recorded",
    "discovered": "when it was discovered is not recorded",
    "access_cut": "not every change that cuts access is recorded as verified",
    "contained": "no check that confirms containment is recorded",
    "recovered": "recovery is not recorded as complete",
}


def _between(key: str, label: str, at: Mapping[str, Moment], first: str, second: str) -> Duration:
    missing = [_MISSING[name] for name in (first, second) if name not in at]
    if missing:
        return Duration(key, label, None, "; ".join(missing))
    value = at[second].at - at[first].at
    if value < timedelta(0):
        return Duration(
            key, label, None, f"{at[second].label.lower()} comes before {at[first].label.lower()} in the record"
        )
    return Duration(key, label, value, f"{at[first].basis} → {at[second].basis}")


# --- sentences --------------------------------------------------------------------------------------------------------


def summary(timeline: Timeline) -> list[str]:
    """What happened, in a few plain sentences; only what the record says."""
    lines = [_mode(timeline), _attack(timeline), _request(timeline), _done(timeline), _containment(timeline)]
    lines += [_people(timeline), _findings(timeline), _interruptions(timeline), _clocks(timeline), _standing(timeline)]
    return [line for line in lines if line]


def _mode(timeline: Timeline) -> str:
    if timeline.mode == "plan":
        return "This is a plan: the platform looked and changed nothing."
    if timeline.mode == "drill":
        return "This was a drill on a stand-in tenant: nothing of it happened at the client."
    return ""


def _attack(timeline: Timeline) -> str:
    first = timeline.moment("compromised")
    if first is None:
        return ""
    attacks = [e for e in timeline.events if e.lane is Lane.ATTACKER]
    sure = sum(e.certainty != "uncertain" for e in attacks)
    text = f"The attacker's first recorded act was on {when(first.at)}"
    dwell = next((d.value for d in timeline.durations if d.key == "dwell"), None)
    if dwell is not None:
        text += f", {span(dwell)} before the incident was reported"
    if attacks:
        text += f"; {plural(sure, 'act')} of the attacker {'is' if sure == 1 else 'are'} in this timeline"
        if len(attacks) > sure:
            text += f", and {len(attacks) - sure} more that may be theirs"
    return text + "."


def _request(timeline: Timeline) -> str:
    text = f"The response was started on {when(timeline.started_at)}"
    if timeline.opened_by:
        text += f" by another run, which found what it answers: {timeline.opened_by}"
    elif timeline.requested_by:
        proof = "identity proven" if timeline.requester_proven else "identity not proven"
        text += f" by {timeline.requested_by} ({proof})"
    if timeline.opened:
        text += f". It opened {plural(len(timeline.opened), 'other run')}: {'; '.join(timeline.opened)}"
    return text + "."


def _done(timeline: Timeline) -> str:
    count = Counter(row.outcome for row in timeline.steps)
    parts = []
    if count["changed"]:
        parts.append(f"made {plural(count['changed'], 'change')} (each verified afterwards)")
    if count["already"]:
        parts.append(
            f"found {plural(count['already'], 'thing')} as {'it' if count['already'] == 1 else 'they'} should be already"
        )
    if count["would_change"]:
        parts.append(f"would make {plural(count['would_change'], 'change')}")
    if count["undone"]:
        parts.append(f"put back {plural(count['undone'], 'change')}")
    if count["observed"]:
        parts.append(f"recorded {plural(count['observed'], 'reading or answer', 'readings and answers')}")
    bad = count["failed"] + count["unknown"] + count["undo_failed"]
    if bad:
        parts.append(f"could not complete {plural(bad, 'step')}")
    return f"The platform {_listed(parts)}." if parts else ""


def _containment(timeline: Timeline) -> str:
    value = {duration.key: duration.value for duration in timeline.durations}
    parts = []
    cut, contained, recovered = value.get("cut"), value.get("containment"), value.get("recovery")
    if cut is not None:
        parts.append(f"The attacker's access was cut {span(cut)} after the report")
    if contained is not None:
        parts.append(f"{'c' if parts else 'C'}ontainment was verified after {span(contained)}")
    if recovered is not None:
        parts.append(f"{'r' if parts else 'R'}ecovery was complete after {span(recovered)}")
    return _listed(parts) + "." if parts else ""


def _people(timeline: Timeline) -> str:
    answers = [answer for decision in timeline.decisions for answer in decision.answers]
    if not timeline.decisions:
        return ""
    names = sorted({str(answer["by"]) for answer in answers})
    open_ = sum(not decision.closed for decision in timeline.decisions)
    text = f"People were asked {plural(len(timeline.decisions), 'question')}"
    if names:
        text += f" and answered {len(answers)}: {_listed(names[:6])}"
    if open_ and timeline.ended_at is None:
        text += f"; {open_} {'is' if open_ == 1 else 'are'} still open"
    return text + "."


def _findings(timeline: Timeline) -> str:
    count = Counter(finding.verdict for finding in timeline.findings)
    if not count:
        return ""
    parts = [f"{plural(count[Verdict.ATTRIBUTED], 'thing')} in the accounts were put down to the attacker"]
    if count[Verdict.ATTRIBUTED] == 1:
        parts = ["1 thing in the accounts was put down to the attacker"]
    if count[Verdict.KEPT]:
        parts.append(f"{count[Verdict.KEPT]} of the persons' own stayed untouched")
    if count[Verdict.FOR_PERSON]:
        parts.append(
            f"{count[Verdict.FOR_PERSON]} could not be told and {'is' if count[Verdict.FOR_PERSON] == 1 else 'are'} left for a person to judge"
        )
    return _listed(parts) + "."


def _interruptions(timeline: Timeline) -> str:
    breaks = [event for event in timeline.events if event.kind == "interrupted"]
    if not breaks:
        return ""
    longest = max(event.recorded_at - event.at for event in breaks)
    times = "once" if len(breaks) == 1 else f"{len(breaks)} times"
    return (
        f"The platform itself was interrupted {times} and went on (silent for at most {span(longest)}); what was in doubt was "
        "checked again before anything was repeated."
    )


def _clocks(timeline: Timeline) -> str:
    notices = [clock for clock in timeline.clocks if not clock.name.startswith(SLA)]
    promises = [clock for clock in timeline.clocks if clock.name.startswith(SLA)]
    running = [clock for clock in notices if clock.state is ClockState.RUNNING]
    late = [clock for clock in notices if clock.state in _LATE]
    parts = []
    if running:
        parts.append(
            f"The next notification is due on {when(running[0].due_at)} ({clip(human_name(running[0].name), 80)})"
        )
    if late:
        parts.append(f"{plural(len(late), 'notification')} {'is' if len(late) == 1 else 'are'} late")
    missed = [clock.name.removeprefix(SLA) for clock in promises if clock.state in _LATE]
    if missed:
        parts.append(f"{'w' if parts else 'W'}hat the agreement promises was not kept in time: {_listed(missed)}")
    return "; ".join(parts) + "." if parts else ""


def _standing(timeline: Timeline) -> str:
    return f"Status at the end of this record: {STATUSES.get(timeline.status, timeline.status).lower()}."


def unknowns(timeline: Timeline) -> list[str]:
    """What the record leaves open. Unknown is never clean."""
    lines = []
    for (title, outcome, error), items in _troubles(timeline).items():
        what = "could not be checked" if outcome == "unknown" else "failed"
        named = [clip(item, 80) for item in items if item]
        more = f" and {len(named) - 5} more" if len(named) > 5 else ""
        whom = f" for {', '.join(named[:5])}{more}" if named else ""
        lines.append(f"{title}{whom}: {what} ({clip(error, 300) or 'no reason recorded'})")
    waiting = [row for row in timeline.steps if not row.outcome]
    if waiting and timeline.ended_at is not None:
        lines.append(f"{plural(len(waiting), 'step')} had not begun when the run ended")
    elif waiting:
        lines.append(f"{plural(len(waiting), 'step')} had not begun at the end of this record")
    lines += [_for_person(finding) for finding in timeline.findings if finding.verdict is Verdict.FOR_PERSON]
    lines += [
        f"{duration.label}: {duration.basis}"
        for duration in timeline.durations
        if duration.value is None and timeline.kind in ("incident", "")
    ]
    disputed = sum(event.after_record for event in timeline.events)
    if disputed:
        lines.append(
            f"{plural(disputed, 'event')} bear{'s' if disputed == 1 else ''} a time later than the record of it: a clock was wrong"
        )
    if timeline.record.erased:
        lines.append(f"the content of {plural(timeline.record.erased, 'entry', 'entries')} was erased on purpose")
    return lines


def _troubles(timeline: Timeline) -> dict[tuple[str, str, str], list[str]]:
    """What failed or is not known, the same trouble of many targets once."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in timeline.steps:
        if row.outcome in ("unknown", "failed", "undo_failed"):
            found.setdefault((row.title, row.outcome, row.error), []).append(row.item)
    return found


def _for_person(finding: Finding) -> str:
    owner = f" of {finding.owner}" if finding.owner else ""
    return f"whose it is: {clip(finding.label, 120)}{owner} ({clip(finding.reason, 300)})"


def _listed(parts: Sequence[Any]) -> str:
    texts = [str(part) for part in parts]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}" if texts else ""
