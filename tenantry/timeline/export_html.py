"""HTML: one self-contained page to hand over: pictures of lanes and clocks, what happened in plain words, every table.

Nothing is fetched and nothing is sent: styles, script and pictures are inside, and a content security policy in the page
allows nothing else, naming script and style by their digests, so that a text which slipped through as mark-up still would
not run (https://www.w3.org/TR/CSP3/). Without scripts everything is there but the filters. Light, dark and print.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, BinaryIO, Final

from tenantry.clock import rfc3339
from tenantry.timeline.clock_bars import bars
from tenantry.timeline.markup import Markup, h, join, long_text
from tenantry.timeline.model import Decision, Finding, Lane, StepRow, Timeline, TimelineEvent, Verdict
from tenantry.timeline.picture import draw, legend
from tenantry.timeline.words import (
    CERTAINTY,
    LANES,
    OUTCOMES,
    STATUSES,
    clip,
    human_name,
    moment,
    outcome_words,
    plural,
    short_day,
    shown,
    span,
)

__all__ = ["export"]

_LOOKS: Final = {
    "changed": ("good", "✓"),
    "already": ("", "="),
    "observed": ("", "○"),
    "would_change": ("warn", "△"),
    "failed": ("bad", "✕"),
    "unknown": ("warn", "?"),
    "skipped": ("", "–"),
    "undone": ("violet", "↶"),
    "undo_failed": ("bad", "✕"),
    "kept": ("", "="),
    "": ("", "…"),
}
"""Outcome → colour and sign; the word stands beside them."""

_STATUS_LOOKS: Final = {
    "completed": "good",
    "planned": "",
    "undone": "violet",
    "cancelled": "",
    "running": "people",
    "waiting_for_approval": "people",
}


def export(timeline: Timeline, out: BinaryIO) -> int:
    """Write the page; returns the number of events in it."""
    events = list(timeline.events)
    for part in _page(timeline, events):
        out.write(part.encode())
    return len(events)


def _page(t: Timeline, events: Sequence[TimelineEvent]) -> Iterator[str]:
    style, script = _file("style.css"), _file("filter.js")
    title = f"{t.title}: {t.subject or t.tenant_title}"
    yield "<!doctype html>\n"
    yield '<html lang="en">\n<head>\n'
    policy = (
        f"default-src 'none'; style-src 'sha256-{_digest(style)}'; script-src 'sha256-{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    yield join(
        h("meta", charset="utf-8"),
        h("meta", http_equiv="Content-Security-Policy", content=policy),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", name="referrer", content="no-referrer"),
        h("meta", name="robots", content="noindex"),
        h("title", clip(title, 200)),
    )
    yield f"\n<style>{style}</style>\n</head>\n<body>\n"
    yield h("a", "Skip to what happened", href="#summary", class_="skip")
    sections = [(id, name, body) for id, name, body in _sections(t, events) if body]
    yield _cover(t)
    yield h("nav", *(h("a", name, href=f"#{id}") for id, name, _ in sections), class_="toc", aria_label="Contents")
    yield "\n<main>\n"
    for id, name, body in sections:
        yield f'<section id="{id}" aria-labelledby="{id}-h"{" class=open" if id == "unknown" else ""}>'
        yield h("h2", name, id=f"{id}-h")
        yield from body
        yield "</section>\n"
    yield "</main>\n"
    yield _footer(t)
    yield f"\n<script>{script}</script>\n</body>\n</html>\n"


def _sections(t: Timeline, events: Sequence[TimelineEvent]) -> Iterator[tuple[str, str, list[Markup]]]:
    attacks = [event for event in events if event.lane is Lane.ATTACKER]
    yield "summary", "What happened", [_told(t)]
    yield "picture", "Who did what, and when", _picture(t) if events else []
    yield (
        "unknown",
        "What is not known",
        [h("ul", *(h("li", long_text(line)) for line in t.unknown))] if t.unknown else [],
    )
    yield "clocks", "Notification clocks", bars(t.clocks, t.record.as_of) if t.clocks else []
    yield "attacker", "What the attacker did", [_attacks(attacks)] if attacks else []
    yield "findings", "What was found, and whose it is", list(_findings(t.findings)) if t.findings else []
    yield "decisions", "Decisions of people", [_decisions(t.decisions)] if t.decisions else []
    yield "steps", "Steps", _steps(t)
    yield "events", "All events", _events(t, events)
    yield "evidence", "Evidence", [_evidence(t)] if t.evidence else []
    yield "record", "About this record", _record(t)


# --- the top ----------------------------------------------------------------------------------------------------------


def _cover(t: Timeline) -> Markup:
    badges = [
        h(
            "span",
            f"Status: {STATUSES.get(t.status, human_name(t.status))}",
            class_=f"pill {_STATUS_LOOKS.get(t.status, 'bad')}",
        )
    ]
    if t.severity:
        heavy = "bad" if t.severity in ("high", "critical") else "warn" if t.severity == "medium" else ""
        badges.append(h("span", f"Severity: {t.severity}", class_=f"pill {heavy}"))
    asked = join(h("bdi", t.requested_by), " (identity proven)" if t.requester_proven else " (identity not proven)")
    facts: list[tuple[str, Markup]] = [
        ("Client", h("bdi", t.tenant_title)),
        ("Asked for by", asked if t.requested_by else Markup("not recorded")),
        ("Started", h("time", moment(t.started_at), datetime=rfc3339(t.started_at))),
        (
            "Ended",
            h("time", moment(t.ended_at), datetime=rfc3339(t.ended_at))
            if t.ended_at
            else join(f"not ended; record as of {moment(t.record.as_of)}"),
        ),
        ("Runbook", join(f"{t.runbook} {t.version}")),
        ("Run", h("code", t.run_id)),
    ]
    if t.attack:
        facts.append(("ATT&CK techniques answered", join(", ".join(t.attack))))
    kind = {"incident": "Incident report", "disaster": "Disaster report"}.get(t.kind, "Report")
    return join(
        h(
            "header",
            h(
                "div",
                h(
                    "div",
                    h("p", f"{kind} · timeline", class_="eyebrow"),
                    h("h1", t.title),
                    h("p", h("bdi", t.subject), class_="subject"),
                ),
                h("div", *badges, class_="badges"),
                class_="coverhead",
            ),
            h("dl", *(h("div", h("dt", name), h("dd", value)) for name, value in facts), class_="facts"),
            class_="cover",
        ),
        *_banner(t),
    )


def _banner(t: Timeline) -> Iterator[Markup]:
    if t.mode == "drill":
        yield h("p", "Drill: this ran on a stand-in tenant. Nothing of it happened at the client.", class_="banner")
    elif t.mode == "plan":
        yield h(
            "p",
            "Plan: the platform looked and changed nothing. Changes shown are what a run would make.",
            class_="banner",
        )
    elif t.ended_at is None:
        yield h(
            "p", f"This run has not ended. What is here is its record as of {moment(t.record.as_of)}.", class_="banner"
        )


def _told(t: Timeline) -> Markup:
    return h(
        "div",
        h("div", *(h("p", long_text(line)) for line in t.summary)),
        h("div", *_tiles(t), class_="tiles"),
        class_="told",
    )


def _tiles(t: Timeline) -> Iterator[Markup]:
    named = {
        "dwell": ("attacker present before the report", ""),
        "cut": ("from report to access cut", "good"),
        "containment": ("from report to verified containment", "good"),
    }
    for duration in t.durations:
        if duration.key in named and (duration.value is not None or t.kind == "incident"):
            words, look = named[duration.key]
            known = duration.value is not None
            yield _tile(
                span(duration.value) if duration.value is not None else "not known",
                words,
                look if known else "warn",
                duration.basis,
            )
    count = Counter(row.outcome for row in t.steps)
    if count["changed"] or t.mode == "run":
        yield _tile(f"{count['changed']:,}", "changes made, each verified", "good" if count["changed"] else "")
    if count["would_change"]:
        yield _tile(f"{count['would_change']:,}", "changes that a run would make", "warn")
    bad = count["failed"] + count["unknown"] + count["undo_failed"]
    yield _tile(f"{bad:,}", "steps failed or not known", "bad" if bad else "")
    if t.findings:
        kept = Counter(finding.verdict for finding in t.findings)
        yield _tile(
            f"{kept[Verdict.ATTRIBUTED]:,} / {kept[Verdict.KEPT]:,} / {kept[Verdict.FOR_PERSON]:,}",
            "found: the attacker's / kept / for a person",
        )


def _tile(value: str, words: str, look: str = "", why: str | None = None) -> Markup:
    return h("div", h("b", value), h("span", words), class_=f"tile {look}".strip(), title=why)


def _picture(t: Timeline) -> list[Markup]:
    lead = "Time runs from left to right, in pieces: where nothing was recorded for long, the time is cut out and its length written there. Each piece has a scale of its own."
    return [
        h("p", lead, class_="lead"),
        h("figure", draw(t), class_="scroll", tabindex=0, role="group", aria_label="Picture of the timeline"),
        legend(),
    ]


# --- what was found ---------------------------------------------------------------------------------------------------


def _attacks(attacks: Sequence[TimelineEvent]) -> Markup:
    return _table(
        ("Time (UTC)", "What", "Account or object", "Source", "How sure", "ATT&CK"),
        (
            h(
                "tr",
                _time(event.at),
                h("td", long_text(event.title), h("small", long_text(event.detail)), _flag(event)),
                h("td", long_text(event.target)),
                h("td", h("bdi", event.source), h("small", h("code", clip(event.source_id, 200)))),
                h("td", _certainty(event.certainty)),
                h("td", ", ".join(event.techniques)),
            )
            for event in attacks
        ),
        caption="From the client's own logs, as the analysis steps reported them.",
        class_="acts",
    )


_VERDICTS: Final = (
    (Verdict.ATTRIBUTED, "Put down to the attacker"),
    (Verdict.FOR_PERSON, "Left for a person to judge"),
    (Verdict.KEPT, "Kept: the persons' own"),
)


def _findings(findings: Sequence[Finding]) -> Iterator[Markup]:
    for verdict, heading in _VERDICTS:
        own = [finding for finding in findings if finding.verdict is verdict]
        if not own:
            continue
        yield h("h3", f"{heading} ({len(own):,})")
        head = ["Kind", "What", "Account", "Why", "Log entries"]
        columns = [*head, "Then"] if verdict is Verdict.ATTRIBUTED else head
        yield _table(columns, (_finding(finding) for finding in own), class_="found")


def _finding(f: Finding) -> Markup:
    cells = [
        h("td", human_name(f.kind)),
        h("td", long_text(f.label)),
        h("td", h("bdi", f.owner)),
        h("td", long_text(f.reason), h("small", f"confidence {f.confidence}") if f.confidence else ""),
        h("td", *(join(h("code", clip(id, 120)), " ") for id in f.source_ids)),
    ]
    if f.verdict is Verdict.ATTRIBUTED:
        cells.append(h("td", _pill(f.result) if f.result else "nothing recorded yet"))
    return h("tr", *cells)


def _decisions(decisions: Sequence[Decision]) -> Markup:
    return _table(
        ("Asked (UTC)", "Question", "Of whom", "Answers", "Result"),
        (
            h(
                "tr",
                _time(d.asked_at),
                h(
                    "td",
                    long_text(d.question, 700),
                    h("small", h("bdi", d.item)) if d.item else "",
                    *(h("small", h("bdi", f"because {reason}")) for reason in d.reasons),
                ),
                h("td", human_name(d.role), h("small", "four eyes") if d.four_eyes else ""),
                h("td", *(_answer(d, n) for n in range(len(d.answers))) if d.answers else ["none yet"]),
                h("td", _result(d)),
            )
            for d in decisions
        ),
        class_="asked",
    )


def _answer(d: Decision, number: int) -> Markup:
    answer = d.answers[number]
    yes = answer["decision"] == "approve"
    word = ("yes" if yes else "no") if d.kind == "answer" else ("approved" if yes else "denied")
    method = f", proven by {answer['method']}" if answer.get("method") else ""
    return h(
        "div",
        join(h("b", h("bdi", str(answer["by"]))), f": {word}{method}"),
        h("small", f"{moment(answer['at'])}, {span(answer['at'] - d.asked_at)} after it was asked"),
        h("div", long_text(str(answer["reason"]))) if answer.get("reason") else "",
        class_="said",
    )


def _result(d: Decision) -> Markup:
    look = {"approved": "good", "denied": "bad", "expired": "warn"}.get(d.closed, "")
    word = {
        "": "open",
        "approved": "yes" if d.kind == "answer" else "approved",
        "denied": "no" if d.kind == "answer" else "denied",
    }.get(d.closed, d.closed)
    return h("span", human_name(word), class_=f"pill {look}")


# --- steps and events -------------------------------------------------------------------------------------------------


def _steps(t: Timeline) -> list[Markup]:
    phases = [*t.phases, *sorted({row.phase for row in t.steps} - set(t.phases))]
    bodies = []
    for phase in phases:
        own = [row for row in t.steps if row.phase == phase]
        if own:
            head = h(
                "tr",
                h("th", f"{human_name(phase) or 'Steps'} ({plural(len(own), 'step')})", colspan=6, scope="rowgroup"),
            )
            bodies.append(h("tbody", head, *(_step(row) for row in own)))
    filters = _filter(
        "steps-table",
        ("phase", "Phase", [(phase, human_name(phase)) for phase in phases if phase]),
        ("outcome", "Outcome", [(o or "none", OUTCOMES.get(o, o)) for o in sorted({row.outcome for row in t.steps})]),
    )
    table = h(
        "table",
        h(
            "thead",
            h(
                "tr",
                *(
                    h("th", name, scope="col")
                    for name in ("Step", "For", "Outcome", "When (UTC)", "Changes", "Approvals, notes, errors")
                ),
            ),
        ),
        *bodies,
        id="steps-table",
    )
    lead = (
        "Every step of the runbook, in its order. “Changed” means that the change was made and then seen to be there."
    )
    return [
        h("p", lead, class_="lead"),
        filters,
        h("div", table, class_="scroll", tabindex=0, role="group", aria_label="Steps"),
    ]


def _step(row: StepRow) -> Markup:
    when = [h("td", "")]
    if row.finished_at is not None:
        took = f"took {span(row.took)}" if row.took is not None else ""
        again = f", {row.attempts} attempts" if row.attempts > 1 else ""
        when = [
            h(
                "td",
                h("time", _hour(row.finished_at), datetime=rfc3339(row.finished_at), title=moment(row.finished_at)),
                h("small", f"{short_day(row.finished_at)}; {took}{again}"),
                class_="time",
            )
        ]
    elif row.started_at is not None:
        when = [
            h(
                "td",
                h("time", _hour(row.started_at), datetime=rfc3339(row.started_at)),
                h("small", "begun"),
                class_="time",
            )
        ]
    said = [h("div", long_text(part), class_="said") for part in row.approvals]
    if row.error:
        said.append(h("div", h("span", long_text(row.error), class_="flagged"), h("small", long_text(row.remedy))))
    if row.note:
        said.append(h("div", long_text(row.note)))
    return h(
        "tr",
        h("td", h("bdi", row.title), h("small", h("code", row.task or row.step))),
        h("td", long_text(row.item)),
        h("td", _pill(row.outcome, row.task)),
        *when,
        h("td", *(_change(change) for change in row.changes)),
        h("td", *said),
        data_row=True,
        data_phase=row.phase,
        data_outcome=row.outcome or "none",
    )


def _change(c: Mapping[str, Any]) -> Markup:
    return h(
        "div",
        h("code", clip(str(c["path"]), 400)),
        h("span", long_text(shown(c.get("before"), 4_000), 120), class_="was"),
        " → ",
        h("span", long_text(shown(c.get("after"), 4_000), 120), class_="is"),
        class_="change",
    )


def _events(t: Timeline, events: Sequence[TimelineEvent]) -> list[Markup]:
    filters = _filter(
        "events-table",
        ("lane", "Who", [(lane.value, LANES[lane]) for lane in Lane if any(e.lane is lane for e in events)]),
        ("phase", "Phase", [(phase, human_name(phase)) for phase in t.phases if any(e.phase == phase for e in events)]),
        ("kind", "Kind", [(kind, human_name(kind)) for kind in sorted({e.kind for e in events})]),
        ("certainty", "How sure", [(name, name) for name in CERTAINTY if any(e.certainty == name for e in events)]),
    )
    table = h(
        "table",
        h(
            "thead",
            h(
                "tr",
                *(h("th", name, scope="col") for name in ("Time (UTC)", "Who", "What", "For", "How sure", "Entry")),
            ),
        ),
        h("tbody", *(_event(event) for event in events)),
        id="events-table",
    )
    lead = "Attacker, people and platform in one order. “Entry” is the number in the client's record; its hash is in the tooltip and in the other formats."
    return [
        h("p", lead, class_="lead"),
        filters,
        h("div", table, class_="scroll", tabindex=0, role="group", aria_label="All events"),
    ]


def _event(event: TimelineEvent) -> Markup:
    where = [human_name(event.phase)] if event.phase else []
    if event.lane is Lane.ATTACKER:
        where.append(f"{event.source} {clip(event.source_id, 100)}".strip())
    who = h("bdi", event.actor) if event.lane is Lane.PEOPLE and event.actor else ""
    return h(
        "tr",
        _time(event.at),
        h("td", h("span", LANES[event.lane], class_=f"pill {event.lane.value}"), h("small", who) if who else ""),
        h(
            "td",
            long_text(event.title),
            h("div", long_text(event.detail)) if event.detail else "",
            h("small", h("bdi", " · ".join(where))) if where else "",
            _flag(event),
        ),
        h("td", long_text(event.target)),
        h("td", event.certainty),
        h("td", f"{event.seq:,}", class_="number", title=f"entry {event.entry}, leaf {event.leaf}"),
        class_=f"lane-{event.lane.value}",
        data_row=True,
        data_lane=event.lane.value,
        data_phase=event.phase,
        data_kind=event.kind,
        data_certainty=event.certainty,
    )


def _flag(event: TimelineEvent) -> Markup:
    if not event.after_record:
        return Markup("")
    return h(
        "div",
        f"⚠ bears a time later than its record ({moment(event.recorded_at)}): a clock was wrong",
        class_="flagged",
    )


def _filter(table: str, *fields: tuple[str, str, Sequence[tuple[str, str]]]) -> Markup:
    parts = [
        h(
            "label",
            label,
            h(
                "select",
                h("option", "all", value=""),
                *(h("option", clip(word, 60), value=value) for value, word in options),
                name=name,
            ),
        )
        for name, label, options in fields
        if len(options) > 1
    ]
    return h(
        "form",
        *parts,
        h("label", "Text", h("input", type="search", name="text", placeholder="words to find", autocomplete="off")),
        h("button", "Show all", type="reset"),
        h("output", "", aria_live="polite"),
        class_="filter",
        data_table=table,
        aria_label="Filter",
    )


# --- the end ----------------------------------------------------------------------------------------------------------


def _evidence(t: Timeline) -> Markup:
    return _table(
        ("File", "Rows", "Bytes", "SHA-256", "Collected by", "Time (UTC)"),
        (
            h(
                "tr",
                h("td", h("bdi", row.name)),
                h("td", "" if row.rows is None else f"{row.rows:,}", class_="number"),
                h("td", f"{row.size:,}", class_="number"),
                h("td", h("code", row.sha256)),
                h("td", h("bdi", t.step_titles.get(row.step, row.step))),
                _time(row.at),
            )
            for row in t.evidence
        ),
        caption="Collected before anything was changed, or as the step says; kept encrypted, named by its digest.",
    )


def _record(t: Timeline) -> list[Markup]:
    r = t.record
    facts = [
        ("Entries", h("dd", f"{r.entries:,}, from number {r.first_seq:,} to {r.last_seq:,}")),
        ("Record of the client", h("dd", h("code", r.tree))),
        ("As of", h("dd", moment(r.as_of))),
        ("Hash of the last entry", h("dd", h("code", r.last_leaf))),
        ("Runbook's text, SHA-256", h("dd", h("code", r.runbook_digest))),
        ("Erased on purpose", h("dd", plural(r.erased, "entry", "entries"))),
    ]
    return [
        h(
            "p",
            "This page was made from the run's record alone. The same record gives the same page, byte for byte. All times are UTC; tenants' logs bear the times of their vendors' clocks.",
            class_="lead",
        ),
        h("dl", *(h("div", h("dt", name), value) for name, value in facts), class_="facts"),
        *([_durations(t)] if t.durations else []),
        h("h3", "How sure something is"),
        h("dl", *(h("div", h("dt", name), h("dd", meaning)) for name, meaning in CERTAINTY.items()), class_="facts"),
    ]


def _durations(t: Timeline) -> Markup:
    turning = [(m.label, moment(m.at), m.basis) for m in t.moments]
    lasted = [(d.label, span(d.value) if d.value is not None else "not known", d.basis) for d in t.durations]
    rows = [
        h("tr", h("td", name), h("td", value, class_="time"), h("td", long_text(basis)))
        for name, value, basis in [*turning, *lasted]
    ]
    return join(
        h("h3", "Turning points and durations, and what they follow from"), _table(("", "", "Follows from"), rows)
    )


def _footer(t: Timeline) -> Markup:
    return h("footer", h("p", f"Run {t.run_id} · record as of {moment(t.record.as_of)} · made by Tenantry"))


# --- small parts ------------------------------------------------------------------------------------------------------


def _table(head: Iterable[str], rows: Iterable[Markup], *, caption: str = "", class_: str | None = None) -> Markup:
    table = h(
        "table",
        h("caption", caption) if caption else "",
        h("thead", h("tr", *(h("th", name, scope="col") for name in head))),
        h("tbody", *rows),
        class_=class_,
    )
    return h("div", table, class_="scroll", tabindex=0, role="group", aria_label=caption or "Table")


def _pill(outcome: str, task: str = "") -> Markup:
    look, sign = _LOOKS.get(outcome, ("", "·"))
    return h("span", f"{sign} {outcome_words(outcome, task)}", class_=f"pill {look}".strip())


def _certainty(name: str) -> Markup:
    look = {"uncertain": "warn", "stated": "people"}.get(name, "")
    return h("span", name, class_=f"pill {look}".strip(), title=CERTAINTY.get(name))


def _time(at: datetime) -> Markup:
    return h("td", h("time", _hour(at), datetime=rfc3339(at)), h("small", f"{short_day(at)} {at.year}"), class_="time")


def _hour(at: datetime) -> str:
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03}"


@cache
def _file(name: str) -> str:
    return resources.files("tenantry.timeline.page").joinpath(name).read_text("utf-8").strip()


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
