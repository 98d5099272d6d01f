"""HTML: one self-contained page to hand over: pictures of lanes and clocks, what happened in plain words, every table.

Nothing is fetched and nothing is sent: styles, script and pictures are inside, and a content security policy in the page
allows nothing else, naming script and style by their digests, so that a text which slipped through as mark-up still would
not run (https://www.w3.org/TR/CSP3/). Without scripts everything is there but the filters. Light, dark and print.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import BinaryIO, Final

from tenantry.clock import rfc3339
from tenantry.timeline import html_found, html_record, html_rows
from tenantry.timeline.clock_bars import bars
from tenantry.timeline.markup import Markup, h, join, long_text
from tenantry.timeline.model import Lane, Timeline, TimelineEvent, Verdict
from tenantry.timeline.picture import draw, legend
from tenantry.timeline.words import STATUSES, clip, clocks_title, human_name, moment, span

__all__ = ["export"]


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
    yield "clocks", clocks_title(clock.name for clock in t.clocks), bars(t.clocks, t.record.as_of) if t.clocks else []
    yield "attacker", "What the attacker did", [html_found.attacks(attacks)] if attacks else []
    yield "findings", "What was found, and whose it is", list(html_found.findings(t.findings)) if t.findings else []
    yield "decisions", "Decisions of people", [html_found.decisions(t.decisions)] if t.decisions else []
    yield "steps", "Steps", html_rows.steps(t)
    yield "events", "All events", html_rows.events(t, events)
    yield "evidence", "Evidence", [html_record.evidence(t)] if t.evidence else []
    yield "record", "About this record", html_record.record(t)


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
        ("Opened by", h("bdi", t.opened_by))
        if t.opened_by
        else ("Asked for by", asked if t.requested_by else Markup("not recorded")),
        *([("Opened", h("bdi", "; ".join(t.opened)))] if t.opened else []),
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


def _footer(t: Timeline) -> Markup:
    return h("footer", h("p", f"Run {t.run_id} · record as of {moment(t.record.as_of)} · made by Tenantry"))


@cache
def _file(name: str) -> str:
    return resources.files("tenantry.timeline.page").joinpath(name).read_text("utf-8").strip()


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
