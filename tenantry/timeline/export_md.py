"""Markdown: the same report as the HTML one, for tickets and repositories (CommonMark with GitHub's tables).

Recorded texts are escaped so that they show as they are: no link, picture, tag or table cell comes out of a name that an
attacker chose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from tenantry.timeline.columns import visible
from tenantry.timeline.model import Decision, Finding, Lane, Timeline, TimelineEvent, Verdict
from tenantry.timeline.words import (
    CERTAINTY,
    LANES,
    OUTCOMES,
    STATUSES,
    clip,
    clocks_title,
    human_name,
    moment,
    outcome_words,
    shown,
    span,
)

__all__ = ["escape", "export"]

_SPECIAL = re.compile(r"([\\`*_\[\]#|~$])|(?<=www)(\.)|(:)(?=//)|^([-+=]|\d{1,9}(?=[.)]))", re.I)
"""What Markdown acts upon: anywhere; in addresses that it would make links of; at the beginning of a line."""
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def export(timeline: Timeline, out: BinaryIO) -> int:
    """Write the report; returns the number of events in it."""
    count = 0
    for line in _lines(timeline):
        out.write(line.encode("utf-8", "replace") + b"\n")
    for event in timeline.events:
        out.write(_event(event).encode("utf-8", "replace") + b"\n")
        count += 1
    for line in _ending(timeline):
        out.write(line.encode("utf-8", "replace") + b"\n")
    return count


def escape(text: str, limit: int = 2_000) -> str:
    """Text that Markdown shows as it is, on one line. (Mail addresses may become links; GitHub makes them of any text.)"""
    plain = "".join(_ENTITIES.get(c, c) for c in clip(visible(text).strip(), limit))
    return _SPECIAL.sub(_escaped, plain)


def _escaped(found: re.Match[str]) -> str:
    # A number at the beginning is no list if what follows it is escaped; digits themselves cannot be.
    return f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}"


def _lines(t: Timeline) -> Iterator[str]:
    yield f"# {escape(t.title)}: {escape(t.subject or t.tenant_title)}"
    yield ""
    yield from _table(("", ""), _title_block(t))
    yield from _section("What happened", (f"{escape(line)}  " for line in t.summary))
    if t.unknown:
        yield from _section("What is not known", (f"- {escape(line)}" for line in t.unknown))
    if t.moments:
        yield from _section("Turning points", ())
        rows = [(moment(m.at), escape(m.label), escape(m.basis)) for m in t.moments]
        yield from _table(("Time", "Turning point", "Follows from"), rows)
    if t.durations:
        yield from _section("Durations", ())
        durations = [
            (escape(d.label), span(d.value) if d.value is not None else "not known", escape(d.basis))
            for d in t.durations
        ]
        yield from _table(("Duration", "Value", "Follows from"), durations)
    if t.clocks:
        yield from _section(clocks_title(c.name for c in t.clocks), ())
        clocks = [
            (escape(human_name(c.name)), moment(c.started_at), moment(c.due_at), moment(c.stopped_at) if c.stopped_at else "", c.state.value, span(c.margin), escape(", ".join(part for part in (c.duty, c.source) if part)))
            for c in t.clocks
        ]  # fmt: skip
        yield from _table(("Clock", "Started", "Due", "Stopped", "State", "Margin", "Source"), clocks)
    attacks = [event for event in t.events if event.lane is Lane.ATTACKER]
    if attacks:
        yield from _section("What the attacker did", ())
        rows_ = [
            (moment(e.at), escape(e.title), escape(e.detail), escape(e.target), escape(f"{e.source} {e.source_id}".strip()), e.certainty, " ".join(e.techniques))
            for e in attacks
        ]  # fmt: skip
        yield from _table(("Time", "Act", "Detail", "Account", "Source", "Certainty", "ATT&CK"), rows_)
    for verdict, heading in (
        (Verdict.ATTRIBUTED, "Found and put down to the attacker"),
        (Verdict.FOR_PERSON, "Found and left for a person to judge"),
        (Verdict.KEPT, "Found and kept as the person's own"),
    ):
        yield from _findings(heading, [finding for finding in t.findings if finding.verdict is verdict])
    if t.decisions:
        yield from _section("Decisions of people", ())
        yield from _table(("Asked", "Question", "Of", "Answers"), [_decision(d) for d in t.decisions])
    yield from _section("Steps", ())
    yield from _table(
        ("Phase", "Step", "For", "Outcome", "Finished", "Took", "Changes", "Approval, note or error"),
        [
            (
                escape(human_name(row.phase)),
                escape(row.title),
                escape(row.item),
                outcome_words(row.outcome, row.task),
                moment(row.finished_at) if row.finished_at else "",
                span(row.took) if row.took is not None else "",
                "; ".join(f"{escape(c['path'])}: {escape(shown(c.get('before')))} → {escape(shown(c.get('after')))}" for c in row.changes),
                escape("; ".join(part for part in (*row.approvals, row.note, row.error) if part)),
            )
            for row in t.steps
        ],
    )  # fmt: skip
    if t.evidence:
        yield from _section("Evidence", ())
        evidence = [
            (escape(e.name), "" if e.rows is None else f"{e.rows:,}", f"{e.size:,}", f"`{e.sha256}`", escape(t.step_titles.get(e.step, e.step)), moment(e.at))
            for e in t.evidence
        ]  # fmt: skip
        yield from _table(("File", "Rows", "Bytes", "SHA-256", "Collected by", "Time"), evidence)
    yield from _section("All events", ())
    yield "| Time | Who | Event | Detail | By | For | Certainty | Entry |"
    yield "|---|---|---|---|---|---|---|---|"


def _event(e: TimelineEvent) -> str:
    title = escape(e.title) + (" **(its time is later than its record)**" if e.after_record else "")
    cells = (
        moment(e.at),
        LANES[e.lane],
        title,
        escape(e.detail),
        escape(e.actor),
        escape(e.target),
        e.certainty,
        str(e.seq),
    )
    return f"| {' | '.join(cells)} |"


def _ending(t: Timeline) -> Iterator[str]:
    yield from _section("About this record", ())
    r = t.record
    yield (
        f"Made from {r.entries} entries ({r.first_seq} to {r.last_seq}) of the record `{r.tree}`, as of {moment(r.as_of)}. "
        f"Hash of the last one: `{r.last_leaf}`. Runbook {escape(t.runbook)} {escape(t.version)}, SHA-256 `{r.runbook_digest}`. "
        "All times are UTC."
    )
    yield ""
    for name, meaning in CERTAINTY.items():
        yield f"- *{name}*: {meaning}"


def _title_block(t: Timeline) -> list[tuple[str, str]]:
    proven = " (identity proven)" if t.requester_proven else " (identity not proven)"
    rows = [
        ("Client", escape(t.tenant_title)),
        ("Status", STATUSES.get(t.status, t.status)),
        ("Severity", escape(t.severity) or "not recorded"),
        ("Opened by", escape(t.opened_by))
        if t.opened_by
        else ("Asked for by", escape(t.requested_by) + proven if t.requested_by else "not recorded"),
        *([("Opened", escape("; ".join(t.opened)))] if t.opened else []),
        ("Started", moment(t.started_at)),
        ("Ended", moment(t.ended_at) if t.ended_at else f"not ended; record as of {moment(t.record.as_of)}"),
        ("Mode", t.mode),
        ("Run", f"`{t.run_id}`"),
    ]
    return [(f"**{name}**", value) for name, value in rows]


def _findings(heading: str, findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield from _section(heading, ())
    yield from _table(
        ("Kind", "What", "Account", "Why", "Confidence", "Log entries", "Then"),
        [
            (escape(human_name(f.kind)), escape(f.label), escape(f.owner), escape(f.reason), f.confidence, escape(" ".join(f.source_ids)), OUTCOMES.get(f.result, f.result) if f.result else "")
            for f in findings
        ],
    )  # fmt: skip


def _decision(d: Decision) -> tuple[str, ...]:
    answers = "; ".join(
        f"{escape(str(a['decision']))} by {escape(str(a['by']))}, {moment(a['at'])}: {escape(str(a.get('reason') or 'no reason given'))}"
        for a in d.answers
    )
    return (
        moment(d.asked_at),
        escape(d.question) + (f" ({escape(d.item)})" if d.item else ""),
        escape(d.role) + (", four eyes" if d.four_eyes else ""),
        answers or (d.closed or "open"),
    )


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""
    yield from lines


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
