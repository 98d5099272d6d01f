"""Entries of the record → events of the timeline, one for one.

Nothing recorded is left out: an entry of a kind that is not known here still becomes an event, under its own name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tenantry.clock import parse_rfc3339
from tenantry.timeline.known import Book, Known, Recorded
from tenantry.timeline.model import Lane, TimelineEvent
from tenantry.timeline.words import OUTCOMES, SLA, clip, human_name, outcome_words, plural, shown, span

__all__ = ["RELATED", "Reader", "changes_text", "events", "recorded_time"]

RELATED: Final = frozenset({"freeze", "unfreeze", "clock.stepped_back"})
"""Events that belong to no run, and matter to all that were under way."""

_FROM_OUTSIDE = RELATED | {
    "run.scheduled",
    "note",
    "clocks",
    "approval.decided",
    "approval.refused",
    "step.arrived",
    "drop.made",
    "drop.verified",
    "drop.received",
    "drop.ended",
    "run.cancel_requested",
}
"""Recorded by others than the run's owner: they do not show that it was alive."""

PLATFORM: Final = "Tenantry"


def events(records: Iterable[Recorded], book: Book) -> Iterator[TimelineEvent]:
    """One event for each record, in the order of the record; between two attempts, the interruption."""
    known = Known()
    reader = Reader(known, book)
    for record in records:
        known.learn(record)
        yield from reader.read(record)


def changes_text(changes: Iterable[Mapping[str, Any]]) -> str:
    return "; ".join([f"{c['path']}: {shown(c.get('before'))} → {shown(c.get('after'))}" for c in changes])


@dataclass(slots=True)
class _Said:
    """What one entry says; the rest of the event is the same for all."""

    lane: Lane
    kind: str
    title: str
    detail: str = ""
    actor: str = ""
    target: str | None = None
    at: datetime | None = None
    certainty: str = "observed"


class Reader:
    """Reads a run's entries in the order of the record."""

    def __init__(self, known: Known, book: Book) -> None:
        self._known = known
        self._book = book
        self._previous: datetime | None = None
        self._open = False
        """An attempt is under way: neither stopped nor ended."""
        self._labels = known.labels

    def read(self, record: Recorded) -> Iterator[TimelineEvent]:
        """What an entry tells: its own event, and before it the interruption that it ends."""
        ended = self.passed(record)
        if ended is not None:
            yield ended
        yield self.told(record)

    def passed(self, record: Recorded) -> TimelineEvent | None:
        """Take note of an entry without opening it; the interruption that it ends, if it does."""
        event = record.event
        ended = None
        if event == "run.attempt":
            if self._open and self._previous is not None:
                ended = self._interruption(self._previous, record)
            self._open = True
        elif event in ("run.stopped", "run.ended"):
            self._open = False
        if event not in _FROM_OUTSIDE:
            self._previous = record.at
        return ended

    def passed_at(self, at: datetime) -> None:
        """Take note that the run's owner recorded something then that neither begins nor ends an attempt."""
        self._previous = at

    def told(self, record: Recorded) -> TimelineEvent:
        """The entry's own event."""
        said = self._say(record)
        step = record.step or ""
        target = said.target if said.target is not None else self._target(record)
        recorded, entry = record.at, record.entry
        return TimelineEvent(
            at=said.at or recorded,
            recorded_at=recorded,
            lane=said.lane,
            kind=said.kind,
            title=said.title,
            detail=said.detail,
            actor=said.actor or (PLATFORM if said.lane is Lane.PLATFORM else ""),
            target=target,
            step=step,
            phase=self._book.phases.get(step, ""),
            outcome=record.outcome or "",
            source="journal",
            source_id=entry.id,
            certainty=said.certainty,
            seq=entry.seq,
            entry=entry.id,
            leaf=entry.leaf.hex(),
        )

    def _interruption(self, last: datetime, resumed: Recorded) -> TimelineEvent:
        return TimelineEvent(
            at=last,
            recorded_at=resumed.at,
            lane=Lane.PLATFORM,
            kind="interrupted",
            title="The platform was interrupted",
            detail=f"nothing recorded for {span(resumed.at - last)}; what was in doubt is checked again before it acts",
            actor=PLATFORM,
            certainty="observed",
            seq=resumed.entry.seq,
            entry=resumed.entry.id,
            leaf=resumed.entry.leaf.hex(),
            source_id=resumed.entry.id,
            span=True,
        )

    def _target(self, record: Recorded) -> str:
        item = record.data.get("item")
        if item is not None:
            return self._labels.of(record.step or "", str(item))
        arguments = record.data.get("arguments")
        if isinstance(arguments, Mapping):
            return next(
                (str(arguments[n]) for n in ("user", "account", "mailbox") if isinstance(arguments.get(n), str)), ""
            )
        return ""

    def _say(self, record: Recorded) -> _Said:
        if record.payload is None:
            return _Said(Lane.PLATFORM, "erased", f"{human_name(record.event.replace('.', '_'))} (content was erased)")
        say = _SAY.get(record.event)
        if say is None:
            return _Said(Lane.PLATFORM, record.event, human_name(record.event.replace(".", "_")))
        return say(self, record)

    # --- the run ------------------------------------------------------------------------------------------------------

    def created(self, record: Recorded) -> _Said:
        requester = record.data.get("requester") or {}
        person = str(requester.get("person") or "")
        via = f" through {requester['via']}" if requester.get("via") else ""
        proof = "identity proven" if requester.get("proven") else "identity not proven"
        mode = {"plan": " as a plan: nothing is changed", "drill": " as a drill on the lab tenant"}.get(
            str(record.data.get("mode")), ""
        )
        if not person:
            return _Said(Lane.PLATFORM, "run_requested", f"Run opened{via}{mode}", target=self._known.subject)
        return _Said(
            Lane.PEOPLE, "run_requested", f"Run requested{mode}", f"{proof}{via}", person, target=self._known.subject
        )

    def attempt(self, record: Recorded) -> _Said:
        number = int(record.data.get("attempt", 0))
        kind, title = ("started", "Run started") if number <= 1 else ("resumed", f"Run resumed (attempt {number})")
        return _Said(Lane.PLATFORM, kind, title, f"by {record.data.get('owner', 'a worker')}")

    def stopped(self, record: Recorded) -> _Said:
        waiting = record.outcome == "waiting_for_approval"
        return _Said(
            Lane.PLATFORM,
            "waiting" if waiting else "paused",
            "Waiting for a person" if waiting else "Paused by a failed step",
        )

    def ended(self, record: Recorded) -> _Said:
        return _Said(Lane.PLATFORM, "ended", f"Run ended: {human_name(str(record.outcome))}")

    def cancel(self, record: Recorded) -> _Said:
        return _Said(Lane.PEOPLE, "cancel_requested", "Cancellation requested", actor=_person(record.data.get("by")))

    def unsigned(self, record: Recorded) -> _Said:
        title = "The record could not be signed when the run stopped"
        return _Said(Lane.PLATFORM, "failed", title, _error(record.data))

    # --- steps --------------------------------------------------------------------------------------------------------

    def when(self, record: Recorded) -> _Said:
        title = self._book.title(record.step or "")
        if record.data.get("value"):
            return _Said(Lane.PLATFORM, "condition", f"{title}: is needed", "its condition was true")
        return _Said(Lane.PLATFORM, "skipped", f"{title}: not needed", "its condition was false")

    def expanded(self, record: Recorded) -> _Said:
        items = record.data.get("items") or []
        names = ", ".join(clip(self._labels.of(record.step or "", item.get("key")), 80) for item in items[:10])
        more = f" and {len(items) - 10} more" if len(items) > 10 else ""
        title = f"{self._book.title(record.step or '')}: {plural(len(items), 'target')}"
        return _Said(Lane.PLATFORM, "targets", title, names + more)

    def step_error(self, record: Recorded) -> _Said:
        title = f"{self._book.title(record.step or '')}: could not be begun"
        return _Said(Lane.PLATFORM, "failed", title, _error(record.data.get("error")))

    def intent(self, record: Recorded) -> _Said:
        return _Said(
            Lane.PLATFORM,
            "intent",
            f"{self._book.title(record.step or '')}: about to change",
            changes_text(record.data.get("changes") or ()),
        )

    def outcome(self, record: Recorded) -> _Said:
        data, step = record.data, record.step or ""
        title = self._book.title(step)
        outcome = str(record.outcome)
        task = self._book.tasks.get(step, "")
        kind = outcome
        if outcome == "observed":
            kind = "answer_taken" if task.startswith("human.") else "read"
        if task.startswith("messenger.") and outcome == "changed":
            kind = "message_sent"
        parts = []
        if data.get("error"):
            parts.append(_error(data["error"]))
        if data.get("note"):
            parts.append(str(data["note"]))
        if outcome not in ("observed", "already"):
            parts.append(changes_text(data.get("changes") or ()))
        if data.get("output") is not None:
            parts.append(_digest(data["output"]))
        stored = data.get("evidence") or ()
        if stored:
            parts.append(f"{plural(len(stored), 'piece')} of evidence kept")
        return _Said(
            Lane.PLATFORM,
            kind,
            f"{title}: {outcome_words(outcome, task)}",
            "; ".join([part for part in parts if part]),
            certainty="uncertain" if outcome == "unknown" else "observed",
        )

    def undo_requested(self, record: Recorded) -> _Said:
        by = record.data.get("by")
        what = f"of {self._book.title(record.data['step'])}" if record.data.get("step") else "of the whole run"
        if by == "runbook":
            return _Said(Lane.PLATFORM, "undo_requested", f"Undo {what}", str(record.data.get("why") or ""))
        return _Said(Lane.PEOPLE, "undo_requested", f"Undo {what} requested", actor=_person(by))

    def undo_intent(self, record: Recorded) -> _Said:
        title = f"{self._book.title(record.step or '')}: about to be undone"
        return _Said(Lane.PLATFORM, "undo_intent", title, changes_text(record.data.get("changes") or ()))

    def undo_outcome(self, record: Recorded) -> _Said:
        outcome = str(record.outcome)
        title = f"{self._book.title(record.step or '')}: {OUTCOMES.get(outcome, outcome)}"
        detail = str(record.data.get("why") or "") or _error(record.data.get("error"))
        return _Said(Lane.PLATFORM, outcome, title, detail)

    # --- people -------------------------------------------------------------------------------------------------------

    def _question(self, record: Recorded) -> Mapping[str, Any] | None:
        key = (record.step or "", record.data.get("item"), str(record.data.get("digest")))
        return self._known.questions.get(key)

    def asked(self, record: Recorded) -> _Said:
        data = record.data
        approval = data.get("kind", "approval") == "approval"
        reasons = "; ".join(str(reason) for reason in data.get("reasons") or ())
        who = f"asked of: {data.get('role', 'a person')}" + (" (four eyes)" if data.get("four_eyes") else "")
        kind = "approval_requested" if approval else "question_asked"
        title = f"{'Approval asked' if approval else 'Question'}: {data.get('question', '')}"
        return _Said(Lane.PEOPLE, kind, title, "; ".join(p for p in (who, reasons) if p), actor=PLATFORM)

    def decided(self, record: Recorded) -> _Said:
        data, asked_for = record.data, self._question(record)
        yes = data.get("decision") == "approve"
        asked = f": {asked_for.get('question', '')}" if asked_for else ""
        if asked_for is not None and asked_for.get("kind") == "answer":
            kind, title = "answered", f"Answered {'yes' if yes else 'no'}{asked}"
        else:
            kind, title = ("approved" if yes else "denied"), f"{'Approved' if yes else 'Denied'}{asked}"
        proof = f"proven by {data['method']}" if data.get("method") else ""
        detail = "; ".join(p for p in (str(data.get("reason") or ""), proof) if p)
        return _Said(Lane.PEOPLE, kind, title, detail, _person(data.get("by")))

    def refused(self, record: Recorded) -> _Said:
        title = f"Answer refused: {human_name(str(record.data.get('why') or 'not allowed')).lower()}"
        return _Said(Lane.PEOPLE, "answer_refused", title, actor=_person(record.data.get("person")))

    def closed(self, record: Recorded) -> _Said:
        why = str(record.data.get("why") or "closed")
        title = f"{self._book.title(record.step or '')}: question closed, {why}"
        return _Said(Lane.PLATFORM, "question_closed", title)

    def reminded(self, record: Recorded) -> _Said:
        title = f"{self._book.title(record.step or '')}: reminder {record.data.get('number')}"
        trouble = record.data.get("error") or {}
        return _Said(Lane.PLATFORM, "reminded", title, str(trouble.get("message") or ""))

    def arrived(self, record: Recorded) -> _Said:
        by = str(record.data.get("by") or "")
        if record.data.get("decision"):  # a contact's word, which may be a no
            said = "refused" if record.data["decision"] == "deny" else "agreed"
            title = f"{self._book.title(record.step or '')}: {said}"
            return _Said(Lane.PEOPLE, said, title, str(record.data.get("reason") or ""), by)
        names = ", ".join(str(name) for name in record.data.get("names") or ())
        title = f"{self._book.title(record.step or '')}: everything is there"
        return _Said(Lane.PEOPLE, "arrived", title, names, by)

    def drop(self, record: Recorded) -> _Said:
        data, what = record.data, record.event.partition(".")[2]
        contact = f"contact {data.get('contact', '')}"
        if what == "made":
            title, lane, actor = f"A credential drop was made for {contact}", Lane.PEOPLE, _person(data.get("by"))
        elif what == "verified":
            title, lane, actor = f"{contact.capitalize()} proved who they are", Lane.PEOPLE, contact
        elif what == "received":
            title, lane, actor = f"Received into the vault: {data.get('name', '')}", Lane.PEOPLE, contact
        else:
            title, lane, actor = f"Credential drop {data.get('status', 'ended')}", Lane.PLATFORM, ""
        detail = ", ".join(str(name) for name in data.get("names") or data.get("missing") or ())
        return _Said(lane, f"drop_{what}", title, detail, actor)

    def note(self, record: Recorded) -> _Said:
        said_of = recorded_time(record.data.get("at"))
        return _Said(
            Lane.PEOPLE,
            "note",
            str(record.data.get("text") or "(an empty note)"),
            actor=_person(record.data.get("by")),
            at=said_of,
            certainty="stated" if said_of is not None and said_of != record.at else "observed",
        )

    # --- around the run -----------------------------------------------------------------------------------------------

    def clocks(self, record: Recorded) -> _Said:
        given = record.data.get("clocks") or ()
        names = ", ".join(str(clock.get("name")) for clock in given)
        if given and all(str(clock.get("name")).startswith(SLA) for clock in given):
            stopped = all(clock.get("stopped_at") for clock in given)
            said = f"Clocks of the agreement {'stopped' if stopped else 'run'}: {names.replace(SLA, '')}"
            return _Said(Lane.PLATFORM, "clocks", said)
        return _Said(Lane.PEOPLE, "clocks", f"Notification clocks: {names}", actor=_person(record.data.get("by")))

    def freeze(self, record: Recorded) -> _Said:
        return _Said(
            Lane.PEOPLE,
            "frozen",
            "Every effect stopped" + (" everywhere" if record.data.get("scope") == "*" else " for this client"),
            str(record.data.get("reason") or ""),
            _person(record.data.get("by")),
        )

    def unfreeze(self, record: Recorded) -> _Said:
        return _Said(Lane.PEOPLE, "unfrozen", "Effects allowed again", actor=_person(record.data.get("by")))

    def stepped_back(self, record: Recorded) -> _Said:
        detail = f"from {record.data.get('was')} to {record.data.get('is')}: times around here are less sure"
        return _Said(Lane.PLATFORM, "clock_stepped_back", "The machine's clock stepped back", detail)


_SAY: Final[Mapping[str, Callable[[Reader, Recorded], _Said]]] = {
    "run.created": Reader.created,
    "run.scheduled": lambda _reader, _record: _Said(Lane.PLATFORM, "scheduled", "Run handed to a worker"),
    "run.attempt": Reader.attempt,
    "run.stopped": Reader.stopped,
    "run.ended": Reader.ended,
    "run.cancel_requested": Reader.cancel,
    "checkpoint.failed": Reader.unsigned,
    "step.when": Reader.when,
    "step.expanded": Reader.expanded,
    "step.error": Reader.step_error,
    "step.intent": Reader.intent,
    "step.outcome": Reader.outcome,
    "undo.requested": Reader.undo_requested,
    "undo.intent": Reader.undo_intent,
    "undo.outcome": Reader.undo_outcome,
    "approval.requested": Reader.asked,
    "approval.decided": Reader.decided,
    "approval.refused": Reader.refused,
    "approval.closed": Reader.closed,
    "approval.reminded": Reader.reminded,
    "step.arrived": Reader.arrived,
    "drop.made": Reader.drop,
    "drop.verified": Reader.drop,
    "drop.received": Reader.drop,
    "drop.ended": Reader.drop,
    "note": Reader.note,
    "clocks": Reader.clocks,
    "freeze": Reader.freeze,
    "unfreeze": Reader.unfreeze,
    "clock.stepped_back": Reader.stepped_back,
}


def _person(by: Any) -> str:
    if isinstance(by, Mapping):
        return str(by.get("person") or by.get("name") or "")
    return str(by or "")


def recorded_time(value: Any) -> datetime | None:
    """A time out of a payload; None where there is none, or none that can be read."""
    if not isinstance(value, str) or not value:
        return None
    try:
        return parse_rfc3339(value)
    except ValueError:
        return None


def _error(error: Any) -> str:
    if not isinstance(error, Mapping):
        return ""
    return f"{error.get('message', '')} [{error.get('code', 'error')}]"


def _digest(output: Any) -> str:
    """The gist of an output: plain values as they are, lists by their length."""
    if not isinstance(output, Mapping):
        return shown(output, 200)
    parts = []
    for name, value in output.items():
        if isinstance(value, list):
            text = plural(len(value), "item")
        elif isinstance(value, Mapping) or value is None or value == "":
            continue
        else:
            text = shown(value, 160)
        parts.append(f"{human_name(name).lower()}: {text}")
    return "; ".join(parts[:12])
