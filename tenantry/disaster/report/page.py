"""The report as one self-contained page: nothing is fetched, no script, every text escaped. Its looks are the timelines'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tenantry.disaster.report.document import (
    STATES,
    TRAINED,
    began,
    ended,
    length,
    run_from,
    scored_line,
    step_words,
    taken,
)
from tenantry.disaster.report.picture import COLOURS, drawn, drawn_legend
from tenantry.onboarding.words import day
from tenantry.timeline.markup import Markup, h, join, long_text, pill, table
from tenantry.timeline.report_page import cover, report_page

__all__ = ["html"]

_STYLE: Final = (
    ".picture .tick{fill:var(--soft);font-size:12px}.picture text{font-size:12.5px}.picture .grid{stroke:var(--soft);stroke-width:.5;opacity:.4}"
    ".stroke{fill:none;stroke-width:3;stroke-linecap:round}.stroke.thin{stroke-width:1.4}"
    + "".join(
        f".l-{look}{{fill:var(--{look})}}.m-{look}{{fill:var(--{look})}}.m-{look}.stroke{{fill:none;stroke:var(--{look})}}.picture .t-{look}{{fill:var(--{look})}}"
        for look in COLOURS
    )
    + ".plain{font-size:16px;max-width:80ch}td.no-wrap{white-space:nowrap}.legend-svg{max-width:1000px;display:block;margin-top:8px}"
    ".legend-svg text{font-size:12px;fill:var(--soft)}"
)


def html(document: Mapping[str, Any]) -> str:
    """The whole file.

    Args:
        document: `tenantry.disaster.report.document.document`.
    """
    return report_page(
        f"Disaster recovery report: {document['client']}",
        _cover(document),
        _sections(document),
        style=_STYLE,
        foot=f"Run {document['run_id']} · as of {day(document['at'])} · made by Tenantry",
    )


def _cover(d: Mapping[str, Any]) -> Markup:
    facts = [
        ("Client", h("bdi", d["client"])),
        ("Plan", h("bdi", d["plan"])),
        (began(d), Markup(day(d["outage_began"]))),
        ("Declared", h("bdi", f"{day(d['declared_at'])} by {d['declared_by'] or 'nobody'}")),
        (ended(d), h("bdi", d["back_by"] or "nobody yet")),
        ("Run", h("code", d["run_id"])),
    ]
    banner = [h("p", d["note"], class_="banner")] if d["note"] else []
    badges = [pill(one["text"], one["look"]) for one in d["badges"]]
    head = cover("Disaster recovery report", d["title"], d["client"], badges, facts)
    return join(head, *banner)


def _sections(d: Mapping[str, Any]) -> Iterator[tuple[str, str, Iterator[Markup]]]:
    yield "summary", "What it came to", iter([h("p", line, class_="plain") for line in d["told"]])
    yield "picture", "Systems over time", _picture(d)
    yield "score", "What the rehearsal was worth", _score(d)
    yield "systems", "Each system, against what was agreed", _systems(d)
    yield "failed", "What failed, was done by hand or was left out", _exceptions(d)
    yield (
        "lessons",
        "Lessons",
        iter([h("p", line, class_="plain") for line in d["lessons"].splitlines() if line.strip()]),
    )
    yield (
        "plan",
        "What was wrong with the plan",
        iter([h("ul", *(h("li", one) for one in d["findings"]))] if d["findings"] else []),
    )
    yield "people", "Who decided what", _people(d)
    if d["score"]:
        yield "part", "Who took part", _part(d)
    yield "steps", "Step by step", _steps(d)


def _picture(d: Mapping[str, Any]) -> Iterator[Markup]:
    yield h(
        "p",
        f"Time runs from the {run_from(d)}. A system is back when its health checks held, not when the last command returned.",
        class_="lead",
    )
    yield h("figure", drawn(d), class_="scroll", tabindex=0, role="group", aria_label="Picture of systems over time")
    yield h("div", drawn_legend(), class_="legend-svg")


def _score(d: Mapping[str, Any]) -> Iterator[Markup]:
    scored = d["score"]
    if not scored:
        return
    yield h("p", scored_line(scored), class_="plain")
    if scored["gaps"]:
        yield h("h3", "Gaps: what this does not show")
        yield h("ul", *(h("li", one) for one in scored["gaps"]))


def _part(d: Mapping[str, Any]) -> Iterator[Markup]:
    rows = [
        (h("b", one["person"]), day(one["first_at"]), day(one["last_at"]), long_text(", ".join(one["did"])))
        for one in d["participants"]
    ]
    yield h("p", TRAINED, class_="lead")
    yield table(("Who", "From", "Until", "What they answered for"), rows)


def _systems(d: Mapping[str, Any]) -> Iterator[Markup]:
    rows = []
    for one in d["systems"]:
        words, look = STATES[one["state"]]
        rows.append(
            (
                h("b", one["title"]),
                str(one["tier"]),
                h("span", words, class_=f"pill {look}"),
                length(one["rto_seconds"]),
                _against(taken(one["achieved_seconds"]), one["rto_kept"]),
                length(one["rpo_seconds"]),
                _against(
                    "not measured" if one["lost_seconds"] is None else length(one["lost_seconds"]), one["rpo_kept"]
                )
                if one["rpo_seconds"] is not None
                else "–",
                day(one["healthy_at"]) if one["healthy_at"] else "–",
                one["owner"],
            )
        )
    yield table(("System", "Tier", "How it stands", "RTO", "Achieved", "RPO", "Lost", "Back at", "Owner"), rows)


def _against(text: str, kept: bool | None) -> str:
    if kept is None:
        return text
    return h("span", text, class_=f"pill {'good' if kept else 'bad'}")


def _exceptions(d: Mapping[str, Any]) -> Iterator[Markup]:
    if d["exceptions"]:
        yield table(("System", "What"), [(h("b", one["system"]), long_text(one["text"])) for one in d["exceptions"]])


def _people(d: Mapping[str, Any]) -> Iterator[Markup]:
    if d["decisions"]:
        rows = [
            (
                *(day(one["at"]), one["by"], one["what"]),
                *(long_text(one["asked"]), one["decision"], long_text(one["reason"])),
            )
            for one in d["decisions"]
        ]
        yield table(("When", "Who", "What", "Asked because", "Answer", "Why"), rows)
    if d["refused"]:
        yield h("h3", "Answers that were refused")
        yield table(
            ("When", "Who", "At", "Why"),
            [(day(one["at"]), one["who"], one["step"], one["why"]) for one in d["refused"]],
        )


def _steps(d: Mapping[str, Any]) -> Iterator[Markup]:
    looks = {"failed": "bad", "unknown": "warn", "changed": "good", "observed": "good", "already": "good"}
    rows = [
        (
            one["title"],
            h("span", step_words(one), class_=f"pill {looks.get(one['outcome'], 'calm')}"),
            day(one["finished_at"]) if one["finished_at"] else "",
            long_text(one["error"]),
        )
        for one in d["steps"]
    ]
    yield table(("Step", "How it ended", "When", "What went wrong"), rows)
