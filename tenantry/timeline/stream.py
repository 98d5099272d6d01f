"""The timeline of a run with any number of entries, for formats that are rows: read twice from the record, never held.

Most events come in the order of the record, so they need not be sorted. The first reading, which opens few payloads, finds
those that do not: attackers' events (an analysis finds them long after they happened), notes about another time, the
interruption that a resume ends, entries written while a clock had stepped back. The second reading gives the rest and puts
those between them. The order, and every event, is that of :func:`tenantry.timeline.assemble.build`.

In memory are the events that are out of order, and the names of a run's items.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tenantry.errors import NotFound
from tenantry.timeline.acts import Acts
from tenantry.timeline.events import RELATED, Reader
from tenantry.timeline.known import Book, Known
from tenantry.timeline.linked import opener
from tenantry.timeline.model import RecordFacts, Timeline, TimelineEvent
from tenantry.timeline.words import human_name

if TYPE_CHECKING:
    from tenantry.journal import Journal
    from tenantry.journal.entry import Entry
    from tenantry.journal.stream import Sealed
    from tenantry.runbook import Runbook

__all__ = ["stream"]

_TS_LENGTH: Final = len("2026-11-21T03:04:05.000006Z")
_TS: Final = slice(-len('","v":1}') - _TS_LENGTH, -len('","v":1}'))
"""Where an entry's bytes hold its time."""


def stream(
    journal: Journal, run_id: str, *, runbook: Callable[[str, str], Runbook | None], tenant_title: str = ""
) -> Timeline:
    """The run's timeline with its events; steps, findings, summary and what else needs all of it at once are empty.

    Args:
        run_id: in full.
        runbook: a run's id and the text of its pinned runbook → the runbook, or None when it no longer loads.

    Raises:
        NotFound: there is no such run, or nothing is recorded of it.
    """
    from tenantry.journal.stream import elsewhere
    from tenantry.journal.stream import stream as records

    scan = _Scan(runbook, journal.run(run_id).tenant)
    for record in records(journal, run_id, skip=scan.passes):
        scan.take(record)
    scan.catch_up()
    if scan.first is None or scan.last is None:
        raise NotFound(f"nothing is recorded of the run {run_id}")
    for record in elsewhere(journal, frozenset({"freeze", "unfreeze"}), scan.first.at, scan.last.at):
        scan.out_of_order.append(scan.reader.told(record))
    until, book = scan.last.seq, scan.book
    displaced = sorted([*scan.out_of_order, *scan.acts.events], key=_order)
    return scan.timeline(_Again(lambda: records(journal, run_id, until=until), book, displaced), tenant_title)


def _order(event: TimelineEvent) -> tuple[datetime, int, int]:
    return event.order


@dataclass(slots=True)
class _Newest:
    """The newest time that an entry bore so far; one with an earlier time was written by a clock that had stepped back."""

    at: datetime | None = None

    def late(self, at: datetime) -> bool:
        if self.at is None or at >= self.at:
            self.at = at
            return False
        return True


@dataclass(slots=True)
class _Scan:
    """The first reading."""

    load: Callable[[str, str], Runbook | None]
    tenant: str
    known: Known = field(default_factory=Known)
    book: Book = field(default_factory=Book)
    runbook: Runbook | None = None
    out_of_order: list[TimelineEvent] = field(default_factory=list)
    first: Sealed | None = None
    last: Entry | None = None
    entries: int = 0
    erased: int = 0
    attempts: int = 0
    ended: tuple[datetime, str] | None = None
    newest: _Newest = field(default_factory=_Newest)
    acts: Acts = field(default_factory=lambda: Acts(Book()))
    reader: Reader = field(default_factory=lambda: Reader(Known(), Book()))
    _passed: bytes = b""
    """The newest entry that was only glanced at."""
    _ts: bytes = b""
    """Its time."""

    def passes(self, body: bytes, sealed: bytes) -> bool:
        """Glance at an entry: most are effects in the order of time, which tell the first reading nothing but that.

        The bytes are canonical, and a quotation mark inside a text is escaped there, so what is looked for is found nowhere
        else. The second reading holds each of them against its leaf.
        """
        if self.first is None or type(body) is not bytes or not sealed:
            return False
        event = body.split(b'"', 6)[5:6]
        if event != [b"step.intent"] and (event != [b"step.outcome"] or b'"outcome":"observed"' in body):
            return False
        ts = body[_TS]
        if len(ts) != _TS_LENGTH or ts < self._ts or b'"run_id":null' in body:
            return False
        self._passed, self._ts = body, ts
        self.entries += 1
        return True

    def catch_up(self) -> None:
        """Take into account what was only glanced at."""
        from tenantry.journal.entry import load  # not at the top: reading a timeline's model needs no database

        if not self._passed:
            return
        self.last, self._passed = load(self._passed), b""
        self.newest.late(self.last.at)
        self.reader.passed_at(self.last.at)

    def take(self, record: Sealed) -> None:
        self.catch_up()
        own = record.entry.fields["run_id"] is not None
        if not own and record.event not in RELATED:
            return
        if self.first is None:
            self._begin(record)
        if own:
            self.last = record.entry
            self.entries += 1
            self.erased += record.erased
            if record.event == "run.ended":
                self.ended = (record.at, str(record.outcome))
            elif record.event == "run.attempt":
                self.attempts += 1
        self.known.learn(record)
        interrupted = self.reader.passed(record)
        if interrupted is not None:
            self.out_of_order.append(interrupted)
        if record.event == "step.outcome" and record.outcome == "observed":
            self.acts.take(record)
        late = self.newest.late(record.at)
        if not late:
            self._ts = str(record.entry.fields["ts"]).encode()
        if late or record.event == "note":
            event = self.reader.told(record)
            if late or event.at != record.at:
                self.out_of_order.append(event)

    def _begin(self, record: Sealed) -> None:
        self.first = record
        pinned = record.data.get("runbook") or {}
        self.runbook = self.load(str(record.entry.fields["run_id"]), str(pinned.get("text") or ""))
        self.book = Book.of(self.runbook)
        self.acts, self.reader = Acts(self.book), Reader(self.known, self.book)

    def timeline(self, events: Iterable[TimelineEvent], tenant_title: str) -> Timeline:
        first, last = self.first, self.last
        if first is None or last is None:
            raise NotFound("nothing is recorded of this run")
        created: Any = first.data
        requester = created.get("requester") or {}
        flow = first.entry.fields["flow"] or {}  # is left when the content was erased
        pinned = created.get("runbook") or {"id": flow.get("name"), "version": flow.get("version")}
        book = self.runbook
        return Timeline(
            run_id=str(first.entry.fields["run_id"]),
            tenant=self.tenant,
            tenant_title=tenant_title or self.tenant,
            runbook=str(pinned.get("id") or ""),
            version=str(pinned.get("version") or ""),
            title=book.title if book is not None else human_name(str(pinned.get("id") or "")),
            kind=book.kind if book is not None else "",
            subject=self.known.subject,
            severity=str((created.get("params") or {}).get("severity") or ""),
            status=self.ended[1] if self.ended is not None else "",
            mode=str(created.get("mode") or ""),
            requested_by=str(requester.get("person") or ""),
            requester_proven=bool(requester.get("proven")),
            opened_by=opener(requester),
            started_at=first.at,
            ended_at=self.ended[0] if self.ended is not None else None,
            attempts=self.attempts,
            phases=tuple(book.phases) if book is not None else (),
            attack=tuple(book.attack) if book is not None else (),
            params=dict(created.get("params") or {}),
            record=RecordFacts(
                tree=str(first.entry.fields["tree"]),
                first_seq=first.entry.seq,
                last_seq=last.seq,
                entries=self.entries,
                last_leaf=last.leaf.hex(),
                as_of=last.at,
                erased=self.erased,
                runbook_digest=str(pinned.get("digest") or ""),
            ),
            events=events,
            step_titles=self.book.titles,
        )


@dataclass(frozen=True, slots=True)
class _Again:
    """The events, read from the record each time somebody goes through them."""

    records: Callable[[], Iterable[Sealed]]
    book: Book
    out_of_order: list[TimelineEvent]

    def __iter__(self) -> Iterator[TimelineEvent]:
        return heapq.merge(self._in_order(), self.out_of_order, key=_order)

    def _in_order(self) -> Iterator[TimelineEvent]:
        known = Known()
        reader, newest = Reader(known, self.book), _Newest()
        for record in self.records():
            if record.entry.fields["run_id"] is None and record.event not in RELATED:
                continue
            known.learn(record)
            if newest.late(record.at):
                continue
            event = reader.told(record)
            if event.at == event.recorded_at:
                yield event
