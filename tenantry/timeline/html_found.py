"""Parts of the HTML page: what the attacker did, what was found and whose it is, what people decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tenantry.timeline.html_cells import certainty, flag, pill, table, time_cell
from tenantry.timeline.markup import Markup, h, join, long_text
from tenantry.timeline.model import Decision, Finding, TimelineEvent, Verdict
from tenantry.timeline.words import (
    clip,
    human_name,
    moment,
    span,
)

__all__ = ["attacks", "decisions", "findings"]


def attacks(attacks: Sequence[TimelineEvent]) -> Markup:
    """The table of the attacker's events."""
    return table(
        ("Time (UTC)", "What", "Account or object", "Source", "How sure", "ATT&CK"),
        (
            h(
                "tr",
                time_cell(event.at),
                h("td", long_text(event.title), h("small", long_text(event.detail)), flag(event)),
                h("td", long_text(event.target)),
                h("td", h("bdi", event.source), h("small", h("code", clip(event.source_id, 200)))),
                h("td", certainty(event.certainty)),
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


def findings(findings: Sequence[Finding]) -> Iterator[Markup]:
    """For each verdict that was given, a heading and its table."""
    for verdict, heading in _VERDICTS:
        own = [finding for finding in findings if finding.verdict is verdict]
        if not own:
            continue
        yield h("h3", f"{heading} ({len(own):,})")
        head = ["Kind", "What", "Account", "Why", "Log entries"]
        columns = [*head, "Then"] if verdict is Verdict.ATTRIBUTED else head
        yield table(columns, (_finding(finding) for finding in own), class_="found")


def _finding(f: Finding) -> Markup:
    cells = [
        h("td", human_name(f.kind)),
        h("td", long_text(f.label)),
        h("td", h("bdi", f.owner)),
        h("td", long_text(f.reason), h("small", f"confidence {f.confidence}") if f.confidence else ""),
        h("td", *(join(h("code", clip(id, 120)), " ") for id in f.source_ids)),
    ]
    if f.verdict is Verdict.ATTRIBUTED:
        cells.append(h("td", pill(f.result) if f.result else "nothing recorded yet"))
    return h("tr", *cells)


def decisions(decisions: Sequence[Decision]) -> Markup:
    """What people were asked and answered."""
    return table(
        ("Asked (UTC)", "Question", "Of whom", "Answers", "Result"),
        (
            h(
                "tr",
                time_cell(d.asked_at),
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
