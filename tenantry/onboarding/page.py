"""The onboarding report as one self-contained page: nothing is fetched, no script, every text escaped. Its looks are the timelines'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tenantry.baseline.model import FRAMEWORKS
from tenantry.onboarding.picture import COLOURS, drawn, drawn_legend
from tenantry.onboarding.words import (
    CONTACT_ROLES,
    INVENTORY,
    LEVELS,
    SEVERITIES,
    STATUSES,
    TEAM_ROLES,
    TREATMENTS,
    day,
)
from tenantry.timeline.markup import Markup, h, join, long_text, pill, table
from tenantry.timeline.report_page import cover, report_page
from tenantry.timeline.words import outcome_words

__all__ = ["html"]

_MOST: Final = 300
_STYLE: Final = (
    ".picture .head{font-size:15px;font-weight:650}.picture .tick,.picture .axis-name{fill:var(--soft);font-size:12px}"
    ".picture text{font-size:12.5px}.picture .disc{fill:var(--paper);stroke:var(--ink);stroke-width:1.4}.picture .number{font-weight:700;font-size:15px}"
    ".stroke{fill:none;stroke-width:3;stroke-linecap:round}"
    + "".join(
        f".l-{look}{{fill:var(--{name})}}.m-{look}{{fill:var(--{name})}}.m-{look}.stroke{{fill:none;stroke:var(--{name})}}"
        f".picture .t-{look}{{fill:var(--{name});font-weight:620}}"
        for look, name in {**{name: name for name in COLOURS}}.items()
    )
    + ".plain{font-size:16px;max-width:80ch}ol.next li,ul.plain-list li{margin:6px 0;max-width:100ch}td.no-wrap{white-space:nowrap}"
    ".pair{display:grid;grid-template-columns:1fr 1fr;gap:8px 40px}@media(max-width:800px){.pair{grid-template-columns:1fr}}"
    "section>h3{margin-top:24px}.pair{margin-top:14px}.facts+.pair,.facts+h3{margin-top:24px}.pair h3{font-size:16px;margin:10px 0 2px}td .maps{color:var(--soft);font-size:12px}.legend-svg{max-width:900px;display:block;margin-top:8px}"
    ".legend-svg text{font-size:12px;fill:var(--soft)}"
)


def html(document: Mapping[str, Any]) -> str:
    """The whole file.

    Args:
        document: `tenantry.onboarding.document.document`.
    """
    return report_page(
        f"Onboarding report: {document['client']}",
        _cover(document),
        _sections(document),
        style=_STYLE,
        foot=f"Run {document['run_id']} · as of {day(document['at'])} · made by Tenantry",
    )


def _sections(d: Mapping[str, Any]) -> Iterator[tuple[str, str, Iterator[Markup]]]:
    yield "summary", "What we did, and what it came to", _summary(d)
    yield "picture", "Risks and measures at a glance", _picture(d)
    yield "next", "What happens next", _next(d)
    yield "waits", "What waits for whom", _waits(d)
    yield "agreed", "What was agreed", _agreed(d)
    yield "connected", "What is connected", _connected(d)
    yield "inventory", "What you have", _inventory(d)
    yield "found", "What was found", _found(d)
    yield "measures", "Protective measures", _measures(d)
    yield "risks", "Risk register", _risks(d)
    yield "steps", "How the onboarding went, step by step", _steps(d)


def _cover(d: Mapping[str, Any]) -> Markup:
    facts = [
        ("Client", h("bdi", d["client"])),
        ("Onboarding began", Markup(day(d["started_at"]))),
        ("As of", Markup(day(d["at"]))),
        ("Agreement signed", Markup(d["agreement"]["signed_on"] or "not on file")),
        ("Run", h("code", d["run_id"])),
    ]
    banner = []
    if d["mode"] == "drill":
        banner.append(h("p", "Drill: this ran on a stand-in. Nothing of it is about the client.", class_="banner"))
    elif d["mode"] == "plan":
        banner.append(h("p", "Plan: we looked and changed nothing.", class_="banner"))
    badges = [pill(one["text"], one["look"]) for one in d["badges"]]
    head = cover("Onboarding report", d["title"], d["client"], badges, facts)
    return join(head, *banner)


def _summary(d: Mapping[str, Any]) -> Iterator[Markup]:
    yield join(*(h("p", line, class_="plain") for line in d["told"]))


def _picture(d: Mapping[str, Any]) -> Iterator[Markup]:
    yield h(
        "p",
        "A number is how many risks stand there. The higher and the further right, the more one weighs.",
        class_="lead",
    )
    yield h("figure", drawn(d), class_="scroll", tabindex=0, role="group", aria_label="Picture of risks and measures")
    yield h("div", drawn_legend(), class_="legend-svg")


def _next(d: Mapping[str, Any]) -> Iterator[Markup]:
    if d["next"]:
        yield h("ol", *(h("li", line) for line in d["next"]), class_="next")


def _waits(d: Mapping[str, Any]) -> Iterator[Markup]:
    if d["waits"]:
        rows = [
            (h("b", one["who"]), long_text(one["what"]), day(one["until"]) if one["until"] else "")
            for one in d["waits"]
        ]
        yield table(("Who", "What", "Until"), rows, widths=("24%", None, "18%"))


def _agreed(d: Mapping[str, Any]) -> Iterator[Markup]:
    a = d["agreement"]
    yield h(
        "div",
        h("div", h("h3", "We do"), _list(a["in"], "not on file")),
        h("div", h("h3", "We do not do, unless you ask"), _list(a["out"], "not on file")),
        class_="pair",
    )
    if a["sla"]:
        yield h("h3", "How soon we act")
        rows = [
            (SEVERITIES.get(name, (name, ""))[0], _minutes(one["acknowledge_minutes"]), _minutes(one.get("contain_minutes")), _minutes(one.get("resolve_minutes")))
            for name, one in a["sla"].items()
        ]  # fmt: skip
        yield table(("An alert that is", "is taken within", "is contained within", "is settled within"), rows)
    facts = [
        ("You hear of an incident within", f"{a['notice_period_hours']} hours" if a["notice_period_hours"] is not None else "not agreed"),
        ("At the end everything is", str(a["on_termination"] or "not agreed").replace("_", " ")),
        ("Rules that may apply to you", ", ".join(a["regimes"]) or "none on file"),
        ("Insurer", _insurer(a["insurer"])),
    ]  # fmt: skip
    yield h("dl", *(h("div", h("dt", name), h("dd", value)) for name, value in facts), class_="facts")
    if a["duties"]:
        who = {"msp": "we", "client": "you", "third_party": "somebody else"}
        yield h("h3", "Who carries what")
        yield table(("What", "Who"), [(one["what"], who.get(one["who"], one["who"])) for one in a["duties"]])
    if a["contacts"] or a["team"]:
        yield h(
            "div",
            h("div", h("h3", "Whom we ask and tell"), _list([_person(one) for one in a["contacts"]], "nobody yet")),
            h("div", h("h3", "Who acts in an incident"), _list([_member(one) for one in a["team"]], "nobody yet")),
            class_="pair",
        )
    if a["lacking"]:
        yield h("h3", "What the agreement does not say yet")
        yield _list(a["lacking"], "")


def _person(one: Mapping[str, Any]) -> str:
    role = CONTACT_ROLES.get(one["role"], one["role"])
    return f"{one['name']}{f', {role}' if role else ''}"


def _member(one: Mapping[str, Any]) -> str:
    deputy = f"; stands in: {one['deputy']}" if one["deputy"] else ""
    return f"{one['who']}: {TEAM_ROLES.get(one['role'], one['role'])}{deputy}"


def _insurer(one: Mapping[str, Any] | None) -> str:
    if not one:
        return "none on file"
    controls = ", ".join(one.get("required_controls") or ())
    return f"{one['name']}{f'; requires {controls}' if controls else ''}"


def _minutes(value: int | None) -> str:
    if value is None:
        return "not agreed"
    return f"{value} minutes" if value < 120 else f"{value / 60:g} hours"


def _connected(d: Mapping[str, Any]) -> Iterator[Markup]:
    rows = []
    for one in d["systems"]:
        look, words = {True: ("good", "works"), False: ("bad", "no access"), None: ("people", "shows in use alone")}[
            one["works"]
        ]
        why = "; ".join(part for part in (one["why"], *one["missing"][:3]) if part)
        rows.append((h("b", one["name"]), pill(words, look), long_text(why)))
    if rows:
        yield table(("System", "Our access", "What is wrong"), rows, widths=("28%", "18%", None))


def _inventory(d: Mapping[str, Any]) -> Iterator[Markup]:
    rows = []
    for one in d["kinds"]:
        words, look = INVENTORY[one["state"]]
        number = f"{one['count']:,}" if one["state"] in ("looked", "partly") else ""
        rows.append(
            (
                h("b", one["title"]),
                f"at least {number}" if one["state"] == "partly" else number,
                pill(words, look),
                long_text("; ".join(one["why"])),
            )
        )
    if rows:
        yield h(
            "p",
            "The lists themselves are kept as evidence of this run, each with a digest in the record.",
            class_="lead",
        )
        yield table(("What", "How many", "How far", "Why not"), rows, widths=("22%", "12%", "24%", None))


def _found(d: Mapping[str, Any]) -> Iterator[Markup]:
    swept = d["sweep"]
    if swept["state"] == "not_run":
        yield h("p", "We have not looked for an intruder in this onboarding.")
        return
    if swept["state"] == "failed":
        yield h("p", "The search for an intruder could not be carried out: whether there is one is not known.")
        return
    checks = swept["checks"]
    yield h(
        "p",
        f"Logs were read from {day(swept['read_from'])} to {day(swept['read_until'])}. Of {sum(checks.values())} checks {checks.get('pass', 0)} found nothing, "
        f"{checks.get('fail', 0)} found something, {checks.get('unknown', 0)} could not look at everything, and {checks.get('nothing', 0)} had nothing of yours to look at.",
        class_="lead",
    )
    if d["incidents"]:
        yield h("h3", "Incidents")
        opened = [
            (h("b", one["entity"]), one["runbook"].replace("_", " "), h("code", one["run_id"]))
            for one in d["incidents"]
        ]
        yield table(("About", "What we do", "Its run"), opened)
    if d["findings"]:
        yield h("h3", "Findings, the worst first")
        rows = [
            (
                pill(*SEVERITIES[one["severity"]]),
                join(h("b", one["title"]), h("br"), h("small", _names(one))),
                long_text(one["summary"]),
                long_text(one["remedy"]),
            )
            for one in d["findings"][:_MOST]
        ]
        yield table(("Weight", "What", "For example", "What to do"), rows, widths=("11%", "27%", "31%", None))
    if not d["findings"]:
        unseen = "Nothing of yours could be looked at: whether there is an intruder is not known."
        yield h("p", "Nothing, in what could be looked at." if swept["saw"] else unseen)
    if swept["incomplete"]:
        yield h("h3", "What this search could not look at")
        yield _list(swept["incomplete"], "")


def _names(one: Mapping[str, Any]) -> str:
    more = one["count"] - 3
    return ", ".join(one["about"][:3]) + (f" and {more} more" if more > 0 else "")


def _measures(d: Mapping[str, Any]) -> Iterator[Markup]:
    rows = []
    for one in d["policies"]:
        maps = "; ".join(f"{FRAMEWORKS[key]}: {', '.join(numbers)}" for key, numbers in one["maps"].items())
        more = one["about_total"] - 5
        about = f" ({', '.join(one['about'][:5])}{f' and {more} more' if more > 0 else ''})" if one["about"] else ""
        what = {"fail": one["remedy"], "unknown": "We look again as soon as we can.", "for_person": one["ask"]}.get(
            one["status"], ""
        )
        rows.append(
            (
                pill(*STATUSES[one["status"]]),
                join(h("b", one["title"]), h("br"), one["plain"], h("br"), h("span", f"{one['source']['title']}. {maps}", class_="maps")),
                long_text(f"{one['why']}{about}"),
                long_text(what),
            )
        )  # fmt: skip
    if rows:
        yield h(
            "p",
            "What could not be seen is never called met. The numbers are those under which other frameworks ask for the same.",
            class_="lead",
        )
        yield table(
            ("Stands", "Measure", "How it stands", "What to do, or whom to ask what"),
            rows,
            widths=("11%", "38%", "25%", None),
        )


def _risks(d: Mapping[str, Any]) -> Iterator[Markup]:
    rows = [
        (
            pill(*LEVELS[one["level"]]),
            join(
                h("b", one["title"]),
                h("br"),
                h("small", f"{one['id']} · {one['source']['kind']}: {one['detail']}"[:300]),
            ),
            TREATMENTS[one["treatment"]] if one["treatment"] else "to be decided",
            one["who"],
            one["review_on"],
        )
        for one in d["risks"][:_MOST]
    ]
    if rows:
        yield table(
            ("Level", "Risk", "What is done", "Who answers for it", "Looked at by"),
            rows,
            widths=("9%", "47%", "16%", "16%", "12%"),
        )
    else:
        yield h("p", "No risk is open.")


def _steps(d: Mapping[str, Any]) -> Iterator[Markup]:
    rows = []
    for one in d["steps"]:
        look = {
            "failed": "bad",
            "unknown": "warn",
            "undo_failed": "bad",
            "changed": "good",
            "observed": "good",
            "already": "good",
        }.get(one["outcome"] or "", "calm")
        title = f"{one['title']} ({one['item']})" if one["item"] else one["title"]
        words = outcome_words(one["outcome"] or "", one["task"])
        rows.append(
            (title, pill(words, look), day(one["finished_at"]) if one["finished_at"] else "", long_text(one["error"]))
        )
    yield table(("Step", "How it ended", "When", "What went wrong"), rows, widths=("34%", "20%", "18%", None))


def _list(lines: Sequence[str], empty: str) -> Markup:
    if not lines:
        return h("p", empty)
    return h("ul", *(h("li", line) for line in lines), class_="plain-list")
