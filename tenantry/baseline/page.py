"""A compliance sweep as one self-contained page for the client's manager: nothing is fetched, no script, every text escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tenantry.baseline.model import FRAMEWORKS
from tenantry.baseline.remembered import age_days
from tenantry.baseline.trend import Point, direction
from tenantry.baseline.trend_picture import drawn as sweeps_drawn
from tenantry.clock import parse_rfc3339
from tenantry.timeline.marks import STYLE as MARKS
from tenantry.timeline.marks import mark
from tenantry.timeline.markup import Markup, h, join, long_text, pill, table
from tenantry.timeline.report_page import cover, report_page

__all__ = ["COLOURS", "STATUSES", "WEIGHT", "drawn", "every", "html", "legend", "told"]

STATUSES: Final = {
    "fail": ("not met", "bad"),
    "unknown": ("not known", "warn"),
    "for_person": ("to be asked", "people"),
    "excepted": ("excepted", "calm"),
    "pass": ("met", "good"),
    "not_applicable": ("does not apply", "none"),
}
"""How a policy stands → words, look; in the order in which they are told."""
COLOURS: Final = {
    "bad": "#b42318",
    "warn": "#b7791f",
    "people": "#1d4ed8",
    "good": "#12693a",
    "calm": "#718096",
    "none": "#cbd5e0",
}
WEIGHT: Final = {"high": 0, "medium": 1, "low": 2}
_STYLE: Final = (
    ".picture text{font-size:12.5px}.picture .head{font-size:15px;font-weight:650}.picture .tick{fill:var(--soft);font-size:12px}.plain{font-size:16px;max-width:80ch}"
    "ol.next li{margin:8px 0;max-width:100ch}td .maps{color:var(--soft);font-size:12px}.legend-svg{max-width:900px;display:block;margin-top:8px}"
    ".legend-svg text{font-size:12px;fill:var(--soft)}" + MARKS
)
_WIDE: Final = 1080
_CELL: Final = 26
_PER_ROW: Final = 35
_TOP: Final = 10
_SWEEPS: Final = 13


def html(document: Mapping[str, Any], client: str, trend: Sequence[Point] = ()) -> str:
    """The whole file.

    Args:
        document: what `compliance.assess` keeps as evidence.
        client: what the client is called.
        trend: how it moved over its sweeps, the oldest first.
    """
    now = parse_rfc3339(document["at"])
    return report_page(
        f"Compliance report: {client}",
        _cover(document, client, now),
        _sections(document, now, trend),
        style=_STYLE,
        foot=f"Run {document['run_id']} · as of {now:%d %B %Y} · made by Tenantry",
    )


def every(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Policies of all baselines."""
    return [one for of in document["baselines"] for one in of["policies"]]


def _cover(document: Mapping[str, Any], client: str, now: datetime) -> Markup:
    counts = Counter(one["status"] for one in every(document))
    badges = [
        pill(f"{counts[status]} {words}", look)
        for status, (words, look) in STATUSES.items()
        if counts[status] and status != "not_applicable"
    ]
    facts = [
        ("Client", h("bdi", client)),
        ("As of", Markup(f"{now:%d %B %Y}")),
        ("Held against", join(", ".join(of["title"] for of in document["baselines"]))),
        ("Run", h("code", document["run_id"])),
    ]
    return cover("Compliance report", "What was promised, and what is so", client, badges, facts)


def _sections(
    document: Mapping[str, Any], now: datetime, trend: Sequence[Point]
) -> Iterator[tuple[str, str, Iterator[Markup]]]:
    yield "summary", "How you stand", _summary(document)
    yield "picture", "All requirements at a glance", _picture(document)
    yield "trend", "From sweep to sweep", _trend(trend)
    yield "next", "What to do first", _next(document)
    yield "changed", "What changed since the last time", _changed(document)
    yield "excepted", "What somebody answers for", _excepted(document)
    yield "unseen", "What could not be seen", _unseen(document)
    yield "regimes", "By the rules that ask for it", _regimes(document)
    for number, of in enumerate(document["baselines"]):
        yield f"b{number}", f"{of['title']}: each requirement", _policies(of, now)


def _summary(document: Mapping[str, Any]) -> Iterator[Markup]:
    return (h("p", line, class_="plain") for line in told(document))


def told(document: Mapping[str, Any]) -> Iterator[str]:
    """How the client stands, in sentences."""
    policies = every(document)
    counts = Counter(one["status"] for one in policies)
    asked = len(policies) - counts["not_applicable"]
    yield f"Of {asked} requirements that apply to you, {counts['pass']} {_are(counts['pass'])} met and {counts['fail']} {_are(counts['fail'])} not."
    heavy = sum(one["status"] == "fail" and one["criticality"] == "high" for one in policies)
    if heavy:
        yield f"{heavy} of those that are not met {'weighs' if heavy == 1 else 'weigh'} heavily."
    elif counts["fail"]:
        yield "None of those that are not met weighs heavily."
    if counts["unknown"] or counts["for_person"]:
        yield f"{counts['unknown']} could not be seen, and {counts['for_person']} only a person can tell: none of these counts as met."
    if counts["excepted"]:
        yield f"{counts['excepted']} {_are(counts['excepted'])} not met, and somebody answers for that until a day."
    fell = [one["title"] for one in policies if one["change"] == "fell"]
    if fell:
        more = " …" if len(fell) > 5 else ""
        yield f"{len(fell)} stood the last time and {'stands' if len(fell) == 1 else 'stand'} no longer: {'; '.join(fell[:5])}{more}."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _picture(document: Mapping[str, Any]) -> Iterator[Markup]:
    yield h("p", "One square is one requirement; the larger, the more it weighs.", class_="lead")
    yield h("figure", drawn(document), class_="scroll", tabindex=0, role="group", aria_label="Picture of requirements")
    yield h("div", legend(), class_="legend-svg")


def drawn(document: Mapping[str, Any]) -> Markup:
    """Every requirement as a square, as SVG."""
    parts: list[Markup] = []
    y = _TOP
    for of in document["baselines"]:
        counts = Counter(one["status"] for one in of["policies"])
        told = ", ".join(f"{counts[status]} {words}" for status, (words, _) in STATUSES.items() if counts[status])
        parts.append(h("text", of["title"], x=8, y=y + 16, class_="head"))
        parts.append(h("text", told, x=_WIDE - 8, y=y + 16, text_anchor="end", class_="tick"))
        y += 26
        order = {status: number for number, status in enumerate(STATUSES)}
        rows = sorted(of["policies"], key=lambda one: (order[one["status"]], WEIGHT[one["criticality"]]))
        for number, one in enumerate(rows):
            words, look = STATUSES[one["status"]]
            x, at = 8 + number % _PER_ROW * (_CELL + 4), y + number // _PER_ROW * (_CELL + 4)
            size = (
                _CELL if one["criticality"] == "high" else _CELL - 6 if one["criticality"] == "medium" else _CELL - 11
            )
            off = (_CELL - size) / 2
            parts.append(
                h(
                    "g",
                    h("title", f"{one['title']}: {words}"),
                    h("rect", x=x + off, y=at + off, width=size, height=size, rx=4, fill=COLOURS[look]),
                    *mark(look, x + off, at + off, size),
                )
            )
        y += -(-len(rows) // _PER_ROW) * (_CELL + 4) + 14
    label = "How each requirement stands; all of it stands in the tables."
    return h("svg", *parts, viewBox=f"0 0 {_WIDE} {y}", role="img", aria_label=label, xmlns="http://www.w3.org/2000/svg", class_="picture")  # fmt: skip


def legend() -> Markup:
    """What the colours mean, as SVG."""
    parts = []
    for number, (words, look) in enumerate(STATUSES.values()):
        x = 8 + number * 150
        parts.append(h("rect", x=x, y=4, width=16, height=16, rx=3, fill=COLOURS[look]))
        parts.append(h("text", words, x=x + 22, y=16))
    return h("svg", *parts, viewBox=f"0 0 {_WIDE} 24", xmlns="http://www.w3.org/2000/svg")


def _trend(trend: Sequence[Point]) -> Iterator[Markup]:
    if len(trend) < 2:
        return
    moved = {"better": "Less is not met than at the sweep before.", "worse": "More is not met than at the sweep before.", "same": "As much is not met as at the sweep before."}  # fmt: skip
    yield h("p", moved[direction(list(trend))], class_="plain")
    yield h("figure", sweeps_drawn(trend), class_="scroll", tabindex=0, role="group", aria_label="Picture of sweeps")
    rows = [
        (point.at[:10], *(str(point.counts.get(status, 0)) for status in STATUSES))
        for point in reversed(trend[-_SWEEPS:])
    ]
    yield table(("Sweep", *(words for words, _ in STATUSES.values())), rows)


def _next(document: Mapping[str, Any]) -> Iterator[Markup]:
    failing = sorted(
        (one for one in every(document) if one["status"] == "fail"), key=lambda one: WEIGHT[one["criticality"]]
    )
    if failing:
        rows = [h("li", h("b", one["title"]), ". ", one["remedy"]) for one in failing[:10]]
        yield h("ol", *rows, class_="next")
        if len(failing) > 10:
            yield h("p", f"{len(failing) - 10} more stand in the tables below.", class_="lead")


def _changed(document: Mapping[str, Any]) -> Iterator[Markup]:
    rows = [
        (h("b", one["title"]), {"fell": pill("fell", "bad"), "mended": pill("mended", "good")}[one["change"]], long_text(one["why"]))
        for one in every(document)
        if one["change"] in ("fell", "mended")
    ]  # fmt: skip
    if rows:
        yield table(("Requirement", "What happened", "How it stands"), rows, ("38%", "14%", None))


def _excepted(document: Mapping[str, Any]) -> Iterator[Markup]:
    rows = []
    for one in every(document):
        held = one["exception"]
        if held is not None:
            state = pill("counts", "calm") if one["status"] == "excepted" else pill("does not cover it", "bad")
            who = f"{held['owner']}, approved by {held['approved_by']}"
            rows.append(
                (
                    h("b", one["title"]),
                    state,
                    held["until"],
                    who,
                    long_text(f"{held['reason']}. Instead: {held['control']}"),
                )
            )
    if rows:
        yield table(
            ("Requirement", "", "Until", "Who answers", "Why, and what is done instead"),
            rows,
            ("26%", "14%", "12%", "20%", None),
        )


def _unseen(document: Mapping[str, Any]) -> Iterator[Markup]:
    rows = [
        (h("b", one["title"]), pill(*STATUSES[one["status"]]), long_text(one["ask"] or one["why"]))
        for one in every(document)
        if one["status"] in ("unknown", "for_person")
    ]
    if rows:
        yield h("p", "None of these counts as met.", class_="lead")
        yield table(("Requirement", "Stands", "What is asked, or why it could not be seen"), rows, ("38%", "14%", None))


def _regimes(document: Mapping[str, Any]) -> Iterator[Markup]:
    rows = []
    for key, name in FRAMEWORKS.items():
        asked = [one for one in every(document) if key in one["maps"] and one["status"] != "not_applicable"]
        if asked:
            counts = Counter(one["status"] for one in asked)
            open_numbers = sorted({number for one in asked if one["status"] == "fail" for number in one["maps"][key]})
            told = ", ".join(f"{counts[status]} {words}" for status, (words, _) in STATUSES.items() if counts[status])
            rows.append((h("b", name), told, long_text(", ".join(open_numbers) or "none")))
    if rows:
        yield h("p", "Numbers under which other rules ask for the same. Nobody has checked them for you, and meeting them all is no certificate.", class_="lead")  # fmt: skip
        yield table(("Rules", "Requirements here", "Numbers where one is not met"), rows, ("24%", "38%", None))


def _policies(of: Mapping[str, Any], now: datetime) -> Iterator[Markup]:
    order = {status: number for number, status in enumerate(STATUSES)}
    rows = []
    for one in sorted(of["policies"], key=lambda one: (order[one["status"]], WEIGHT[one["criticality"]])):
        if one["status"] == "not_applicable":
            continue
        about = f": {'; '.join(one['about'][:5])}" if one["about"] else ""
        more = one["about_total"] - min(5, len(one["about"]))
        about += f" and {more} more" if more > 0 and one["about"] else ""
        days = age_days(one, now)
        rows.append(
            (
                pill(*STATUSES[one["status"]]),
                join(h("b", one["title"]), h("br"), one["plain"], h("br"), h("span", _maps(one), class_="maps")),
                one["criticality"],
                f"{days} days" if days != 1 else "1 day",
                long_text(f"{one['why']}{about}"),
            )
        )
    if rows:
        yield table(("Stands", "Requirement", "Weighs", "For", "How it stands"), rows, ("11%", "40%", "9%", "9%", None))
    left = [one["title"] for one in of["policies"] if one["status"] == "not_applicable"]
    if left:
        yield h("p", f"{len(left)} do not apply to you: {'; '.join(left)}.", class_="lead")


def _maps(one: Mapping[str, Any]) -> str:
    numbers = "; ".join(f"{FRAMEWORKS[key]}: {', '.join(found)}" for key, found in one["maps"].items())
    return f"{one['source']['title']}. {numbers}"
