"""The readiness report as one self-contained page: nothing is fetched, no script, every text escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tenantry.insurance.picture import described, drawn, drawn_legend
from tenantry.insurance.readiness import STATUSES
from tenantry.insurance.words import OF_POLICY, about, facts, signature
from tenantry.timeline.marks import STYLE as MARKS
from tenantry.timeline.markup import Markup, h, join, long_text, pill, table
from tenantry.timeline.report_page import cover, report_page

__all__ = ["html"]

_STYLE: Final = (
    ".picture text{font-size:12.5px}.picture .tick{fill:var(--soft);font-size:12px}"
    ".plain{font-size:16px;max-width:80ch}td .maps{color:var(--soft);font-size:12px}.legend-svg{max-width:900px;display:block;margin-top:8px}"
    ".legend-svg text{font-size:12px;fill:var(--soft)}" + MARKS
)


def html(document: Mapping[str, Any]) -> str:
    """The whole file, of a document of :func:`tenantry.insurance.readiness.readiness` with ``signed``."""
    client = document["client"]
    head = cover(
        "Insurance readiness",
        f"What {document['insurer']['name']} requires, and what is so",
        client,
        [_badge(document), *([pill("drill: on a stand-in", "warn")] if document["mode"] == "drill" else [])],
        [(name, h("code", value) if code else join(value)) for name, value, code in facts(document)],
    )
    foot = f"Run {document['run_id']} · as of {document['at'][:10]} · made by Tenantry"
    return report_page(f"Insurance readiness: {client}", head, _sections(document), style=_STYLE, foot=foot)


def _badge(document: Mapping[str, Any]) -> Markup:
    return pill("every required control is met", "good") if document["ready"] else pill("not ready", "bad")


def _sections(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Iterator[Markup]]]:
    yield "summary", "How you stand", (h("p", line, class_="plain") for line in document["told"])
    yield "picture", "Required controls at a glance", _picture(document)
    yield "controls", "Each required control", _controls(document)
    yield "next", "What to do", _next(document)
    yield "signed", "Signed", _signed(document)


def _picture(document: Mapping[str, Any]) -> Iterator[Markup]:
    if document["controls"]:
        yield h("p", "A row is a control that the policy requires; a square is something of ours that measures it.", class_="lead")  # fmt: skip
        yield h("figure", drawn(document), class_="scroll", tabindex=0, role="group", aria_label=described(document))
        yield h("div", drawn_legend(), class_="legend-svg")


def _controls(document: Mapping[str, Any]) -> Iterator[Markup]:
    rows = []
    for one in document["controls"]:
        measures = [
            h("p", pill(*OF_POLICY[held["status"]]), " ", held["title"] or held["policy"], h("br"), h("span", held["policy"], class_="maps"))
            for held in one["measures"]
        ]  # fmt: skip
        rows.append(
            (
                pill(*STATUSES[one["status"]]),
                h("b", one["control"]),
                join(*measures) if measures else "nothing of ours",
                long_text(one["why"] + about(one)),
            )
        )
    if rows:
        yield table(
            ("Stands", "The insurer requires", "Measured by", "How it stands"), rows, ("11%", "24%", "29%", None)
        )


def _next(document: Mapping[str, Any]) -> Iterator[Markup]:
    found = [
        (held["title"] or held["policy"], held["remedy"])
        for one in document["controls"]
        for held in one["measures"]
        if held["status"] in ("fail", "excepted") and held["remedy"]
    ]
    if found:
        yield h("ol", *(h("li", h("b", title), ". ", remedy) for title, remedy in dict.fromkeys(found)), class_="next")


def _signed(document: Mapping[str, Any]) -> Iterator[Markup]:
    for line in signature(document):
        yield h("p", line, class_="plain")
    yield h("p", "SHA-256 of what was signed: ", h("code", document["signed"]["digest"]))
