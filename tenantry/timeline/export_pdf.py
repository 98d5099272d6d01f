"""PDF: the report one hands over: title page, summary for those who decide, picture, tables, actions, proof.

Typeset by `typst` (https://typst.app/docs/), offline and with its own fonts, as PDF/A-2a (ISO 19005-2: kept and read for
decades) and PDF/UA-1 (ISO 14289: tagged, read aloud). The same record gives the same bytes. The PDF is a rendering: the
signed record is the authority, and the last part says how to check it.

Recorded texts are data to the layout (``page/report.typ``), never mark-up. What the fonts cannot show stands as its code
(:mod:`~tenantry.timeline.glyphs`).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from json import JSONEncoder
from typing import Any, BinaryIO, Final

from tenantry.errors import RecordError
from tenantry.timeline.glyphs import breakable, printable
from tenantry.timeline.model import (
    ClockState,
    Decision,
    Finding,
    Lane,
    StepRow,
    Timeline,
    TimelineEvent,
    Verdict,
)
from tenantry.timeline.picture import draw, drawn_legend, legend_words
from tenantry.timeline.words import (
    CERTAINTY,
    LANES,
    STATUSES,
    human_name,
    moment,
    outcome_words,
    plural,
    shown,
    span,
)

__all__ = ["MAX_EVENTS", "MAX_STEPS", "export"]

MAX_EVENTS: Final = 3_000
"""Events that are printed; of more, the platform's routine is left out, which the report says. Other formats have all."""
MAX_STEPS: Final = 3_000

_LOOKS: Final = {
    "changed": "good",
    "would_change": "warn",
    "failed": "bad",
    "undo_failed": "bad",
    "unknown": "warn",
    "undone": "violet",
}
_STATUS_LOOKS: Final = {
    "completed": "good",
    "planned": "calm",
    "undone": "violet",
    "cancelled": "calm",
    "running": "people",
    "waiting_for_approval": "people",
}
_CLOCK_LOOKS: Final = {
    ClockState.MET: "good",
    ClockState.MISSED: "bad",
    ClockState.RUNNING: "people",
    ClockState.OVERDUE: "bad",
}
_MANY: Final = 5
"""Targets of a step from which on its name stands above them, once."""
_QUIET: Final = frozenset({"intent", "condition", "targets", "read", "already", "undo_intent", "question_closed"})
"""Left out first when there are too many events; what came of an intent stands in the event of its outcome."""

_STYLE_LINE = re.compile(r"^\.picture.*$", re.M)
_VARIABLE = re.compile(r"var\((--[a-z-]+)\)")
_DEFINED = re.compile(r"(--[a-z-]+):\s*(#[0-9a-f]+)")

Piece = dict[str, str]
Cell = str | list[Piece]
Part = dict[str, Any]


def export(timeline: Timeline, out: BinaryIO) -> int:
    """Write the report; returns the number of events it was made from.

    Raises:
        RecordError: typst could not typeset it.
    """
    events = list(timeline.events)
    try:
        pdf = _typeset(timeline, events, _plain)
    except _Typst as error:
        if not error.about_text:
            raise RecordError("the PDF could not be typeset", cause=str(error)[:500]) from error
        # A combination of characters that the fonts together cannot shape: all of them by their codes, then.
        pdf = _typeset(timeline, events, _ascii)
    out.write(pdf)
    return len(events)


class _Typst(Exception):
    """What the typesetter says."""

    @property
    def about_text(self) -> bool:
        # Its errors have no codes; the only thing that depends on this is whether a second, plainer try is made.
        return "could not be displayed" in str(self) or "codepoint" in str(self)


def _typeset(timeline: Timeline, events: Sequence[TimelineEvent], text: Any) -> bytes:
    import typst  # 30 MB of shared library, which only this format needs

    inputs = _Report(timeline, events, text).inputs()
    try:
        pdf = typst.compile(
            _file("report.typ").encode(),
            sys_inputs=inputs,
            format="pdf",
            pdf_standards=["a-2a", "ua-1"],
            ignore_system_fonts=True,
            timestamp=timeline.record.as_of.replace(microsecond=0),
        )
    except typst.TypstError as error:
        raise _Typst(str(error)) from error
    return bytes(pdf)


def _plain(value: str, limit: int = 2_000) -> str:
    return printable(value, limit)


def _ascii(value: str, limit: int = 2_000) -> str:
    return "".join(c if c.isascii() else f"<U+{ord(c):04X}>" for c in printable(value, limit))


class _Report:
    """The report as data for the layout. ``text`` makes a recorded text printable."""

    def __init__(self, timeline: Timeline, events: Sequence[TimelineEvent], text: Any) -> None:
        self._t = timeline
        self._events = events
        self._text = text

    def inputs(self) -> dict[str, str]:
        drawn = self._picture()
        data = self._data(pictured=bool(drawn))
        return {
            "data": JSONEncoder(ensure_ascii=False).encode(data),
            "picture": drawn,
            "legend": _styled(drawn_legend()),
        }

    def _data(self, *, pictured: bool) -> dict[str, Any]:
        t, text = self._t, self._text
        subject = text(t.subject or t.tenant_title, 300)
        kind = {"incident": "Incident report", "disaster": "Disaster report"}.get(t.kind, "Report")
        return {
            "title": f"{text(t.title, 200)}: {subject}",
            "description": f"{kind} of run {t.run_id}, as of {moment(t.record.as_of)}",
            "keywords": ["timeline", t.runbook, t.run_id],
            "footer": f"{text(t.title, 80)} · run {t.run_id} · confidential · all times UTC",
            "cover": self._cover(kind, subject),
            "summary": self._summary(),
            "picture": {
                "title": "Who did what, and when",
                "lead": "Time runs from left to right, in pieces: where nothing was recorded for long, the time is cut out and its length written there. Each piece has a scale of its own. A number below a mark is how many events it stands for.",
                "alt": self._described(),
                "legend": f"Legend: {', '.join(legend_words())}.",
            }
            if pictured
            else None,
            "parts": [part for part in self._parts() if part],
        }

    # --- title page and summary ---------------------------------------------------------------------------------------

    def _cover(self, kind: str, subject: str) -> dict[str, Any]:
        t, text = self._t, self._text
        badges = [{"look": _STATUS_LOOKS.get(t.status, "bad"), "text": f"Status: {STATUSES.get(t.status, t.status)}"}]
        if t.severity:
            heavy = "bad" if t.severity in ("high", "critical") else "warn" if t.severity == "medium" else "calm"
            badges.append({"look": heavy, "text": f"Severity: {text(t.severity, 40)}"})
        proven = "identity proven" if t.requester_proven else "identity not proven"
        facts = [
            ("Client", text(t.tenant_title, 200), False),
            ("Asked for by", f"{text(t.requested_by, 200)} ({proven})" if t.requested_by else "not recorded", False),
            ("Started", moment(t.started_at), False),
            ("Ended", moment(t.ended_at) if t.ended_at else "not ended", False),
            ("Record as of", moment(t.record.as_of), False),
            ("Runbook", f"{text(t.runbook)} {text(t.version)}", False),
            ("Run", t.run_id, True),
        ]
        if t.attack:
            facts.append(("ATT&CK techniques", ", ".join(t.attack), False))
        return {
            "kind": f"{kind} · timeline",
            "title": text(t.title, 200),
            "subject": breakable(subject, 40),
            "badges": badges,
            "banner": _banner(t),
            "facts": [{"name": name, "value": breakable(value, 48), "code": code} for name, value, code in facts],
            "notice": "Confidential. This report holds personal data and the names of accounts. Names of files, rules and applications in it may have been chosen by an attacker. It was made from the run's record alone and is a rendering of it: the record, whose entries are numbered here, is the authority. The last part says how to check it. All times are UTC.",
        }

    def _summary(self) -> dict[str, Any]:
        t, text = self._t, self._text
        parts: list[Part] = []
        if t.clocks:
            parts.append(self._clocks())
        if t.unknown:
            many = 12
            listed = [breakable(text(line, 600), 60) for line in t.unknown[:many]]
            if len(t.unknown) > many:
                listed.append(f"and {len(t.unknown) - many} more, listed under “What is not known” below")
            parts.append({"title": "What is not known", "list": listed})
        return {
            "title": "Summary",
            "lines": [breakable(text(line), 60) for line in t.summary],
            "tiles": list(_tiles(t)),
            "parts": parts,
        }

    def _clocks(self) -> Part:
        text = self._text
        rows = []
        for clock in self._t.clocks:
            late = clock.margin.total_seconds() < 0
            left = f"{span(abs(clock.margin))} {'too late' if late else 'left' if clock.stopped_at is None else 'to spare'}"
            about = [_piece("strong", breakable(text(human_name(clock.name), 200), 30))]
            about += [_piece("small", breakable(text(line, 300), 40)) for line in (clock.duty, clock.source) if line]
            due = [_piece("text", moment(clock.due_at)), _piece("small", f"from {moment(clock.started_at)}")]
            if clock.stopped_at:
                due.append(_piece("small", f"stopped {moment(clock.stopped_at)}"))
            state = [{**_piece("pill", clock.state.value), "look": _CLOCK_LOOKS[clock.state]}, _piece("small", left)]
            rows.append([about, due, state])
        lead = f"Each starts from a person's recorded determination. Those that still run are shown as of {moment(self._t.record.as_of)}."
        return {
            "title": "Notification clocks",
            "lead": lead,
            "table": _table(("Duty", "Due", "State"), ("1.5fr", "1.2fr", "34mm"), rows),
        }

    # --- the picture --------------------------------------------------------------------------------------------------

    def _picture(self) -> str:
        """The lanes as SVG; empty when there is nothing to draw."""
        text = self._text
        events = [replace(event, title=text(event.title, 140), target=text(event.target, 80)) for event in self._events]
        return _styled(draw(replace(self._t, events=events))) if events else ""

    def _described(self) -> str:
        counts = Counter(event.lane for event in self._events)
        lanes = ", ".join(f"{LANES[lane]}: {plural(counts[lane], 'event')}" for lane in Lane)
        turning = "; ".join(f"{m.label} {moment(m.at)}" for m in self._t.moments)
        return f"Events in lanes over time. {lanes}. {turning}. Everything in the picture stands in the tables that follow."

    # --- parts --------------------------------------------------------------------------------------------------------

    def _parts(self) -> Iterator[Part | None]:
        t = self._t
        yield self._turning()
        yield self._attacks()
        yield from self._findings()
        yield self._decisions()
        yield from self._actions()
        yield self._steps()
        yield self._timeline()
        if len(t.unknown) > 12:
            listed = [breakable(self._text(line), 80) for line in t.unknown]
            yield {"level": 1, "title": "What is not known", "list": listed}
        yield self._evidence()
        yield from self._proof()

    def _turning(self) -> Part | None:
        t, text = self._t, self._text
        rows = [[m.label, moment(m.at), breakable(text(m.basis), 60)] for m in t.moments]
        rows += [
            [d.label, span(d.value) if d.value is not None else "not known", breakable(text(d.basis), 60)]
            for d in t.durations
        ]
        if not rows:
            return None
        table = _table(("Turning point or duration", "When, how long", "Follows from"), ("62mm", "44mm", "1fr"), rows)
        return {"level": 1, "title": "Turning points and durations", "table": table, "apart": True}

    def _attacks(self) -> Part | None:
        attacks = [event for event in self._events if event.lane is Lane.ATTACKER]
        if not attacks:
            return None
        text = self._text
        rows = []
        for event in attacks[:MAX_EVENTS]:
            what = [_piece("text", breakable(text(event.title, 400), 40))]
            if event.detail:
                what.append(_piece("small", breakable(text(event.detail, 600), 40)))
            source = [_piece("text", breakable(text(event.source, 120), 24))]
            if event.source_id:
                source.append(_piece("code", breakable(text(event.source_id, 120), 20)))
            rows.append(
                [
                    _when(event.at),
                    what + _flags(event),
                    breakable(text(event.target, 300), 26),
                    source,
                    event.certainty,
                    ", ".join(event.techniques),
                ]
            )
        head = ("Time (UTC)", "What", "Account or object", "Source", "How sure", "ATT&CK")
        return {
            "level": 1,
            "title": "What the attacker did",
            "lead": "From the client's own logs, as the analysis steps reported them. Times are those of the logs, as UTC."
            + _cut_words(len(attacks), "acts"),
            "table": _table(head, ("36mm", "1fr", "48mm", "42mm", "17mm", "18mm"), rows),
        }

    def _findings(self) -> Iterator[Part]:
        headings = (
            (Verdict.ATTRIBUTED, "Put down to the attacker"),
            (Verdict.FOR_PERSON, "Left for a person to judge"),
            (Verdict.KEPT, "Kept: the persons' own"),
        )
        if self._t.findings:
            yield {"level": 1, "title": "What was found, and whose it is"}
        for verdict, heading in headings:
            own = [finding for finding in self._t.findings if finding.verdict is verdict]
            if own:
                head = ("Kind", "What", "Account", "Why", "Log entries", "Then")
                rows = [self._finding(finding) for finding in own[:MAX_STEPS]]
                yield {
                    "level": 2,
                    "title": f"{heading} ({len(own):,})",
                    "lead": _cut_words(len(own), "findings").strip(),
                    "table": _table(head, ("22mm", "1fr", "46mm", "1fr", "38mm", "28mm"), rows),
                }

    def _finding(self, f: Finding) -> list[Cell]:
        text = self._text
        why = [_piece("text", breakable(text(f.reason, 600), 40))]
        if f.confidence:
            why.append(_piece("small", f"confidence {text(f.confidence, 40)}"))
        then: Cell = ""
        if f.verdict is Verdict.ATTRIBUTED:
            then = [_outcome(f.result)] if f.result else "nothing recorded yet"
        ids = [_piece("code", breakable(text(id, 100), 18)) for id in f.source_ids[:8]]
        return [
            breakable(text(human_name(f.kind), 60), 14),
            breakable(text(f.label, 400), 34),
            breakable(text(f.owner, 200), 24),
            why,
            ids or "",
            then,
        ]

    def _decisions(self) -> Part | None:
        if not self._t.decisions:
            return None
        head = ("Asked (UTC)", "Question", "Of whom", "Answers", "Result")
        rows = [self._decision(d) for d in self._t.decisions[:MAX_STEPS]]
        table = _table(head, ("36mm", "1.3fr", "24mm", "1fr", "20mm"), rows)
        return {"level": 1, "title": "Decisions of people", "table": table}

    def _decision(self, d: Decision) -> list[Cell]:
        text = self._text
        question = [_piece("text", breakable(text(d.question, 900), 50))]
        if d.item:
            question.append(_piece("small", breakable(text(d.item, 300), 40)))
        question += [_piece("small", f"because {breakable(text(reason, 400), 40)}") for reason in d.reasons[:10]]
        whom = [_piece("text", text(human_name(d.role), 60))]
        if d.four_eyes:
            whom.append(_piece("small", "four eyes"))
        return [_when(d.asked_at), question, whom, self._answers(d) or "none yet", [self._result(d)]]

    def _answers(self, d: Decision) -> list[Piece]:
        text = self._text
        pieces = []
        for answer in d.answers[:20]:
            yes = answer["decision"] == "approve"
            word = ("yes" if yes else "no") if d.kind == "answer" else ("approved" if yes else "denied")
            method = f", proven by {text(str(answer['method']), 40)}" if answer.get("method") else ""
            pieces.append(_piece("strong", breakable(f"{text(str(answer['by']), 120)}: {word}{method}", 40)))
            if answer.get("reason"):
                pieces.append(_piece("text", breakable(text(str(answer["reason"]), 1_500), 40)))
            pieces.append(
                _piece("small", f"{moment(answer['at'])}, {span(answer['at'] - d.asked_at)} after it was asked")
            )
        return pieces

    def _result(self, d: Decision) -> Piece:
        look = {"approved": "good", "denied": "bad", "expired": "warn"}.get(d.closed, "calm")
        words = {"": "open", "approved": "yes", "denied": "no"} if d.kind == "answer" else {"": "open"}
        return {**_piece("pill", self._text(words.get(d.closed, d.closed), 20)), "look": look}

    def _actions(self) -> Iterator[Part]:
        """What is to be done afterwards, as people wrote it down."""
        if self._t.kind not in ("incident", "disaster", "") or self._t.mode == "plan":
            return
        text = self._text
        phases = {row.step: row.phase for row in self._t.steps}
        asked = [d for d in self._t.decisions if phases.get(d.step) == "review"]
        title = "Review: root cause and actions"
        if not any(d.answers for d in asked):
            yield {"level": 1, "title": title, "lines": ["None is recorded so far: no person has closed the review."]}
            return
        rows: list[list[Cell]] = []
        for d in asked:
            for answer in d.answers:
                said = breakable(text(str(answer.get("reason") or "(nothing was written)"), 4_000), 80)
                who = [
                    _piece("strong", breakable(text(str(answer["by"]), 120), 24)),
                    _piece("small", moment(answer["at"])),
                ]
                rows.append([breakable(text(d.question, 900), 40), said, who])
        yield {
            "level": 1,
            "title": title,
            "lead": "In the words of the people who answered.",
            "table": _table(("Asked", "Written down", "By"), ("70mm", "1fr", "46mm"), rows),
        }

    # --- steps and events ---------------------------------------------------------------------------------------------

    def _steps(self) -> Part:
        t = self._t
        steps = _most_telling(t.steps, MAX_STEPS)
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
        return {"level": 1, "title": "Steps", "lead": lead, "table": _table(head, widths, rows), "apart": True}

    def _phase(self, rows: Sequence[StepRow]) -> Iterator[Any]:
        """The rows of a phase; a step with many targets has its name once, and what came of them in numbers."""
        for _, group in itertools.groupby(rows, key=lambda row: row.step):
            own = list(group)
            if len(own) <= _MANY:
                yield from (self._step(row, self._named(row)) for row in own)
                continue
            count = Counter(row.outcome for row in own)
            came = ", ".join(f"{n:,} {outcome_words(outcome, own[0].task)}" for outcome, n in count.most_common())
            name = self._text(own[0].title, 200)
            yield f"{name}, {self._text(own[0].task or own[0].step, 80)}: {plural(len(own), 'target')} ({came})"
            yield from (self._step(row, "") for row in own)

    def _named(self, row: StepRow) -> Cell:
        text = self._text
        return [
            _piece("text", breakable(text(row.title, 200), 26)),
            _piece("code", breakable(text(row.task or row.step, 80), 24)),
        ]

    def _step(self, row: StepRow, name: Cell) -> list[Cell]:
        text = self._text
        changes = []
        for c in row.changes[:12]:
            path = text(str(c["path"]), 200)
            what = f"{text(shown(c.get('before'), 300), 300)} → {text(shown(c.get('after'), 300), 300)}"
            if len(path) + len(what) < 36:
                changes.append(_piece("text", f"{path}: {what}"))
            else:
                changes.append(_piece("small", breakable(path, 24)))
                changes.append(_piece("text", breakable(what, 24)))
        if len(row.changes) > 12:
            changes.append(_piece("small", f"and {len(row.changes) - 12} more changes"))
        said = [_piece("text", breakable(text(part, 900), 28)) for part in row.approvals]
        if row.error:
            said.append(_piece("flag", breakable(text(row.error, 600), 28)))
        said += [_piece("small", breakable(text(part, 600), 28)) for part in (row.remedy, row.note) if part]
        return [
            name,
            breakable(text(row.item, 300), 24),
            [_outcome(row.outcome, row.task)],
            self._time_of(row, brief=not name),
            changes or "",
            said or "",
        ]

    def _time_of(self, row: StepRow, *, brief: bool) -> Cell:
        if row.finished_at is None:
            return [*_when(row.started_at), _piece("small", "begun")] if row.started_at else ""
        parts = [f"took {span(row.took)}"] if row.took is not None and not brief else []
        if row.attempts > 1:
            parts.append(plural(row.attempts, "attempt"))
        return [*_when(row.finished_at), *([_piece("small", ", ".join(parts))] if parts else [])]

    def _timeline(self) -> Part:
        events = _fewer(self._events, MAX_EVENTS)
        rows = [self._event(event) for event in events]
        left = len(self._events) - len(events)
        lead = "Attacker, people and platform in one order. “Entry” is the number in the client's record."
        if left:
            lead += f" {left:,} routine events of the platform (readings, intentions, what was so already) are left out here; the other formats have every event."
        head = ("Time (UTC)", "Who", "What", "For", "Phase, source", "How sure", "Entry")
        widths = ("36mm", "20mm", "1fr", "46mm", "36mm", "17mm", "13mm")
        return {"level": 1, "title": "Timeline", "lead": lead, "table": _table(head, widths, rows), "apart": True}

    def _event(self, event: TimelineEvent) -> list[Cell]:
        text = self._text
        who = [{**_piece("pill", LANES[event.lane]), "look": event.lane.value}]
        if event.lane is Lane.PEOPLE and event.actor:
            who.append(_piece("small", breakable(text(event.actor, 80), 14)))
        what = [_piece("text", breakable(text(event.title, 500), 50))]
        if event.detail:
            what.append(_piece("small", breakable(text(event.detail, 500), 50)))
        source: list[Piece] = []
        if event.phase:
            source.append(_piece("text", text(human_name(event.phase), 60)))
        if event.lane is Lane.ATTACKER:
            source.append(_piece("text", breakable(text(event.source, 100), 20)))
            source.append(_piece("small", breakable(text(event.source_id, 100), 20)))
        return [
            _when(event.at),
            who,
            what + _flags(event),
            breakable(text(event.target, 300), 24),
            source or "record",
            event.certainty,
            f"{event.seq:,}",
        ]

    # --- evidence and proof -------------------------------------------------------------------------------------------

    def _evidence(self) -> Part | None:
        t, text = self._t, self._text
        if not t.evidence:
            return None
        rows: list[list[Cell]] = [
            [
                [
                    _piece("text", breakable(text(row.name, 300), 34)),
                    _piece("small", breakable(text(t.step_titles.get(row.step, row.step), 120), 34)),
                ],
                "" if row.rows is None else f"{row.rows:,}",
                f"{row.size:,}",
                [_piece("code", row.sha256)],
                moment(row.at),
            ]
            for row in t.evidence[:MAX_STEPS]
        ]
        return {
            "level": 1,
            "title": "Evidence",
            "lead": "Collected before anything was changed, or as the step says; kept encrypted, named by its digest."
            + _cut_words(len(t.evidence), "pieces"),
            "table": _table(
                ("File", "Rows", "Bytes", "SHA-256", "Time"), ("1fr", "18mm", "22mm", "112mm", "38mm"), rows
            ),
        }

    def _proof(self) -> Iterator[Part]:
        r = self._t.record
        facts: list[list[Cell]] = [
            ["Record of the client", [_piece("code", r.tree)]],
            ["Entries of this run", f"{r.entries:,}, from number {r.first_seq:,} to {r.last_seq:,}"],
            ["As of", moment(r.as_of)],
            ["Hash of the last entry", [_piece("code", r.last_leaf)]],
            ["Runbook's text, SHA-256", [_piece("code", r.runbook_digest)]],
            ["Erased on purpose", plural(r.erased, "entry", "entries")],
        ]
        yield {
            "level": 1,
            "title": "Proof: what this rests on, and how to check it",
            "lines": [
                "Every entry of the record is hashed into a Merkle tree of this client alone (RFC 6962: SHA-256 over one zero byte and the entry's canonical bytes). An entry that was changed, dropped, added or moved gives another hash.",
                "This PDF proves nothing by itself. Ask for the evidence bundle of this run: it holds the entries byte for byte, what they stand for, the collected files, and a README that says, step by step, how to check all of it offline with public tools. Compare the hash below with the bundle's, and the bundle with a checkpoint of the record that was kept elsewhere.",
            ],
            "table": _table(("What", "Value"), ("58mm", "1fr"), facts),
        }
        if r.checkpoint:
            yield {
                "level": 2,
                "title": "Signed checkpoint",
                "lead": "Origin, number of entries, root hash, signature (C2SP signed note). It counts with a key that you have from elsewhere.",
                "code": self._checkpoint(r.checkpoint),
            }
        yield {
            "level": 2,
            "title": "How sure something is",
            "table": _table(
                ("Word", "Means"), ("58mm", "1fr"), [[name, meaning] for name, meaning in CERTAINTY.items()]
            ),
        }

    def _checkpoint(self, note: str) -> str:
        return "\n".join(self._text(line, 300) for line in note.splitlines()[:40])


# --- small parts ------------------------------------------------------------------------------------------------------


def _piece(kind: str, text: str) -> Piece:
    return {"kind": kind, "text": text}


def _table(head: Sequence[str], widths: Sequence[str], rows: Iterable[Any]) -> dict[str, Any]:
    """``widths`` in mm or fr; a row that is a text is a heading inside the table."""
    listed = [{"group": row} if isinstance(row, str) else {"cells": row} for row in rows]
    return {"head": head, "widths": widths, "rows": listed}


def _when(at: datetime) -> list[Piece]:
    utc = at.astimezone(UTC)
    return [_piece("text", f"{utc:%Y-%m-%d %H:%M:%S}.{utc.microsecond // 1000:03}")]


def _outcome(outcome: str, task: str = "") -> Piece:
    return {**_piece("pill", printable(outcome_words(outcome, task), 30)), "look": _LOOKS.get(outcome, "calm")}


def _flags(event: TimelineEvent) -> list[Piece]:
    if not event.after_record:
        return []
    return [_piece("flag", f"bears a time later than its record ({moment(event.recorded_at)}): a clock was wrong")]


def _cut_words(count: int, what: str) -> str:
    return (
        f" {count - MAX_EVENTS:,} more {what} are left out here; the other formats have them."
        if count > MAX_EVENTS
        else ""
    )


def _banner(t: Timeline) -> str:
    if t.mode == "drill":
        return "Drill: this ran on a stand-in tenant. Nothing of it happened at the client."
    if t.mode == "plan":
        return "Plan: the platform looked and changed nothing. Changes shown are what a run would make."
    if t.ended_at is None:
        return f"This run has not ended. What is here is its record as of {moment(t.record.as_of)}."
    return ""


def _tiles(t: Timeline) -> Iterator[Mapping[str, str]]:
    named = {
        "dwell": ("attacker present before the report", ""),
        "cut": ("from report to access cut", "good"),
        "containment": ("from report to verified containment", "good"),
    }
    for duration in t.durations:
        if duration.key in named and (duration.value is not None or t.kind == "incident"):
            words, look = named[duration.key]
            known = duration.value is not None
            value = span(duration.value) if duration.value is not None else "not known"
            yield {"value": value, "words": words, "look": look if known else "warn"}
    count = Counter(row.outcome for row in t.steps)
    if count["would_change"]:
        yield {"value": f"{count['would_change']:,}", "words": "changes that a run would make", "look": "warn"}
    elif count["changed"] or t.mode == "run":
        look = "good" if count["changed"] else ""
        yield {"value": f"{count['changed']:,}", "words": "changes made, each verified", "look": look}
    bad = count["failed"] + count["unknown"] + count["undo_failed"]
    yield {"value": f"{bad:,}", "words": "steps failed or not known", "look": "bad" if bad else ""}
    if t.findings:
        kept = Counter(finding.verdict for finding in t.findings)
        value = f"{kept[Verdict.ATTRIBUTED]:,} / {kept[Verdict.KEPT]:,} / {kept[Verdict.FOR_PERSON]:,}"
        yield {"value": value, "words": "found: the attacker's / kept / for a person", "look": ""}


def _fewer(events: Sequence[TimelineEvent], most: int) -> Sequence[TimelineEvent]:
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


def _most_telling(steps: Sequence[StepRow], most: int) -> Sequence[StepRow]:
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


def _styled(svg: str) -> str:
    """The picture with its colours inside: the light ones of the page's style sheet."""
    return svg.replace(">", f"><style>{_style()}</style>", 1)


@cache
def _style() -> str:
    sheet = _file("style.css")
    colours = dict(_DEFINED.findall(sheet.split("@media", 1)[0]))
    rules = "\n".join(_STYLE_LINE.findall(sheet.split("@media (max-width", 1)[0]))
    rules = _VARIABLE.sub(lambda found: colours[found[1]], rules)
    return f'text {{ font-family: "Libertinus Serif", "DejaVu Sans Mono"; font-size: 11px; }}\n{rules}'


@cache
def _file(name: str) -> str:
    return resources.files("tenantry.timeline.page").joinpath(name).read_text("utf-8").strip()
