"""The report's two long tables: every step, and every event."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tenantry.timeline.glyphs import breakable
from tenantry.timeline.model import Lane, StepRow, TimelineEvent
from tenantry.timeline.pdf_cells import (
    MAX_EVENTS,
    MAX_STEPS,
    Cell,
    Part,
    Piece,
    Section,
    flags,
    outcome,
    piece,
    table,
    when,
)
from tenantry.timeline.words import LANES, human_name, outcome_words, plural, shown, span

__all__ = ["Rows", "fewer", "most_telling"]


_MANY: Final = 5
"""Targets of a step from which on its name stands above them, and short beside each."""
_ONE_LINE: Final = 36
"""Characters of a step's name that fit into one line of its column."""
_QUIET: Final = frozenset({"intent", "condition", "targets", "read", "already", "undo_intent", "question_closed"})
"""Left out first when there are too many events; what came of an intent stands in the event of its outcome."""


class Rows(Section):
    """Steps and events."""

    def steps(self) -> Part:
        """Every step by phase, or the most telling ones of more than :data:`MAX_STEPS`."""
        t = self._t
        steps = most_telling(t.steps, MAX_STEPS)
        phases = [*t.phases, *sorted({row.phase for row in steps} - set(t.phases))]
        rows: list[Any] = []
        for phase in phases:
            own = [row for row in steps if row.phase == phase]
            if own:
                rows.append(f"{self._text(human_name(phase)) or 'Steps'} ({plural(len(own), 'step')})")
                rows += self._phase(own)
        left = len(t.steps) - len(steps)
        lead = "Every step of the runbook, in its order. “Changed” means that the change was made and then seen to be there."
        if left:
            lead += f" {left:,} targets that were so already or were only read are left out here; the other formats have them."
        head = ("Step", "For", "Outcome", "When (UTC)", "Changes", "Approvals, notes, errors")
        widths = ("46mm", "42mm", "31mm", "36mm", "1fr", "1fr")
        return {"level": 1, "title": "Steps", "lead": lead, "table": table(head, widths, rows), "apart": True}

    def _phase(self, rows: Sequence[StepRow]) -> Iterator[Any]:
        """The rows of a phase; a step with many targets has its name above them, with what came of them in numbers."""
        for _, group in itertools.groupby(rows, key=lambda row: row.step):
            own = list(group)
            if len(own) <= _MANY:
                yield from (self._step(row, self._named(row), brief=False) for row in own)
                continue
            count = Counter(row.outcome for row in own)
            came = ", ".join(f"{n:,} {outcome_words(outcome, own[0].task)}" for outcome, n in count.most_common())
            name = self._text(own[0].title, 200)
            yield f"{name}, {self._text(own[0].task or own[0].step, 80)}: {plural(len(own), 'target')} ({came})"
            # The line above is on another page for most of them.
            again: Cell = [piece("small", breakable(self._text(own[0].title, _ONE_LINE), 20))]
            yield from (self._step(row, again, brief=True) for row in own)

    def _named(self, row: StepRow) -> Cell:
        text = self._text
        return [
            piece("text", breakable(text(row.title, 200), 26)),
            piece("code", breakable(text(row.task or row.step, 80), 24)),
        ]

    def _step(self, row: StepRow, name: Cell, *, brief: bool) -> list[Cell]:
        text = self._text
        changes = []
        for c in row.changes[:12]:
            path = text(str(c["path"]), 200)
            what = f"{text(shown(c.get('before'), 300), 300)} → {text(shown(c.get('after'), 300), 300)}"
            if len(path) + len(what) < 36:
                changes.append(piece("text", f"{path}: {what}"))
            else:
                changes.append(piece("small", breakable(path, 24)))
                changes.append(piece("text", breakable(what, 24)))
        if len(row.changes) > 12:
            changes.append(piece("small", f"and {len(row.changes) - 12} more changes"))
        said = [piece("text", breakable(text(part, 900), 28)) for part in row.approvals]
        if row.error:
            said.append(piece("flag", breakable(text(row.error, 600), 28)))
        said += [piece("small", breakable(text(part, 600), 28)) for part in (row.remedy, row.note) if part]
        return [
            name,
            breakable(text(row.item, 300), 24),
            [outcome(row.outcome, row.task)],
            self._time_of(row, brief=brief),
            changes or "",
            said or "",
        ]

    def _time_of(self, row: StepRow, *, brief: bool) -> Cell:
        if row.finished_at is None:
            return [*when(row.started_at), piece("small", "begun")] if row.started_at else ""
        parts = [f"took {span(row.took)}"] if row.took is not None and not brief else []
        if row.attempts > 1:
            parts.append(plural(row.attempts, "attempt"))
        return [*when(row.finished_at), *([piece("small", ", ".join(parts))] if parts else [])]

    def timeline(self) -> Part:
        """Every event, or the most telling ones of more than :data:`MAX_EVENTS`."""
        events = fewer(self._events, MAX_EVENTS)
        rows = [self._event(event) for event in events]
        left = len(self._events) - len(events)
        lead = "Attacker, people and platform in one order. “Entry” is the number in the client's record."
        if left:
            lead += f" {left:,} routine events of the platform (readings, intentions, what was so already) are left out here; the other formats have every event."
        head = ("Time (UTC)", "Who", "What", "For", "Phase, source", "How sure", "Entry")
        widths = ("36mm", "20mm", "1fr", "46mm", "36mm", "17mm", "13mm")
        return {"level": 1, "title": "Timeline", "lead": lead, "table": table(head, widths, rows), "apart": True}

    def _event(self, event: TimelineEvent) -> list[Cell]:
        text = self._text
        who = [{**piece("pill", LANES[event.lane]), "look": event.lane.value}]
        if event.lane is Lane.PEOPLE and event.actor:
            who.append(piece("small", breakable(text(event.actor, 80), 14)))
        what = [piece("text", breakable(text(event.title, 500), 50))]
        if event.detail:
            what.append(piece("small", breakable(text(event.detail, 500), 50)))
        source: list[Piece] = []
        if event.phase:
            source.append(piece("text", text(human_name(event.phase), 60)))
        if event.lane is Lane.ATTACKER:
            source.append(piece("text", breakable(text(event.source, 100), 20)))
            source.append(piece("small", breakable(text(event.source_id, 100), 20)))
        return [
            when(event.at),
            who,
            what + flags(event),
            breakable(text(event.target, 300), 24),
            source or "record",
            event.certainty,
            f"{event.seq:,}",
        ]


def fewer(events: Sequence[TimelineEvent], most: int) -> Sequence[TimelineEvent]:
    """At most about ``most`` events: first the platform's routine goes, then its effects beyond the first ones. What the
    attacker and people did, and what failed, always stays."""
    if len(events) <= most:
        return events
    kept = [event for event in events if event.lane is not Lane.PLATFORM or event.kind not in _QUIET]
    if len(kept) <= most:
        return kept
    chosen, room = [], most - sum(_telling(event) for event in kept)
    for event in kept:
        if _telling(event):
            chosen.append(event)
        elif room > 0:
            chosen.append(event)
            room -= 1
    return chosen


def _telling(event: TimelineEvent) -> bool:
    return event.lane is not Lane.PLATFORM or event.kind in ("failed", "unknown", "undo_failed", "interrupted", "ended")


def most_telling(steps: Sequence[StepRow], most: int) -> Sequence[StepRow]:
    """At most ``most`` steps: what was so already or only read goes first; what failed or is unknown always stays."""
    if len(steps) <= most:
        return steps
    room = most - sum(row.outcome not in ("already", "observed", "changed") for row in steps)
    chosen = []
    for row in steps:
        plain = row.outcome in ("already", "observed", "changed")
        if not plain or (row.outcome == "changed" and room > 0):
            chosen.append(row)
            room -= plain
    return chosen
